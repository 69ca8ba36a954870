export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly priceFen: number;
}

export const products: readonly Product[] = [
  { sku: 'tea', name: '龙井春茶', priceFen: 6800 },
  { sku: 'mug', name: '粗陶马克杯', priceFen: 4990 },
  { sku: 'notebook', name: '线装笔记本', priceFen: 2900 },
  { sku: 'postcard', name: '山水明信片', priceFen: 1 },
];
