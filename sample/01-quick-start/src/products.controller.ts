import { Controller, Get } from '@nestjs/common';
import { type Product, products } from './products.js';

@Controller('products')
export class ProductsController {
  @Get()
  list(): readonly Product[] {
    return products;
  }
}
