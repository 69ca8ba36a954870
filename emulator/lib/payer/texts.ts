import type { EmulatorProduct } from '../orders/order.js';

/** The languages of the pages. @internal */
export type Language = 'zh' | 'en';

/** What an unpaid order says once it is too old to pay with what the merchant was given. */
type Expired = Readonly<Record<EmulatorProduct, readonly [title: string, hint: string]>>;

const zhExpired: Expired = {
  native: ['二维码已过期', '二维码的有效期为 2 小时，请回到商户页面重新下单。'],
  h5: ['支付链接已过期', '支付链接的有效期为 5 分钟，请回到商户页面重新下单。'],
  jsapi: ['支付请求已过期', 'prepay_id 的有效期为 2 小时，请回到商户页面重新下单。'],
  app: ['支付请求已过期', 'prepay_id 的有效期为 2 小时，请回到商户页面重新下单。'],
};

const enExpired: Expired = {
  native: ['Code expired', 'A code is good for 2 hours. Order again at the merchant.'],
  h5: ['Payment link expired', 'A link is good for 5 minutes. Order again at the merchant.'],
  jsapi: ['Payment expired', 'A prepay_id is good for 2 hours. Order again at the merchant.'],
  app: ['Payment expired', 'A prepay_id is good for 2 hours. Order again at the merchant.'],
};

const zh = {
  htmlLang: 'zh-CN',
  other: 'English',
  title: '确认付款',
  emulator: '微信支付模拟平台 · 仅供开发测试，不会真实扣款',
  payTo: '付款给',
  goods: '商品',
  orderNo: '商户订单号',
  merchantNo: '商户号',
  method: '支付方式',
  pay: '立即支付',
  cancel: '取消',
  paying: '正在支付…',
  paid: '支付成功',
  paidHint: '商户很快会收到支付通知，可以关闭此页面。',
  cancelled: '已取消支付',
  cancelledHint: '订单仍未支付，可以重新打开此页面付款。',
  closed: '订单已关闭',
  closedHint: '该订单已关闭或已过期，无法支付。',
  refunded: '订单已退款',
  refundedHint: '该订单支付后发生过退款。',
  expired: zhExpired,
  missing: '没有找到订单',
  missingHint: '链接不正确，或模拟平台已经重新启动。',
  failed: '支付失败',
  qr: '二维码',
  back: '返回商户',
  home: '模拟平台首页',
  orders: '最近的订单',
  noOrders: '还没有订单。用商户程序下单后会显示在这里。',
  notifications: '最近的通知',
  noNotifications: '还没有通知。支付或退款后会显示在这里。',
  amount: '金额',
  state: '状态',
  open: '去支付',
  event: '事件',
  target: '通知地址',
  posts: '投递次数',
  keys: '身份与密钥',
  signing: '签名证书序列号',
  publicKeyId: '微信支付公钥ID',
  mode: '模式',
  api: '控制接口',
  states: { NOTPAY: '未支付', SUCCESS: '已支付', REFUND: '有退款', CLOSED: '已关闭' },
  deliveries: { pending: '等待重试', delivered: '已送达', 'given-up': '已放弃' },
};

/** Everything the pages say. @internal */
export type Texts = typeof zh;

const en: Texts = {
  htmlLang: 'en',
  other: '中文',
  title: 'Confirm payment',
  emulator: 'WeChat Pay emulator · for tests, no money moves',
  payTo: 'Pay to',
  goods: 'Item',
  orderNo: 'Order number',
  merchantNo: 'Merchant',
  method: 'Method',
  pay: 'Pay now',
  cancel: 'Cancel',
  paying: 'Paying…',
  paid: 'Payment successful',
  paidHint: 'The merchant is being notified. You may close this page.',
  cancelled: 'Payment cancelled',
  cancelledHint: 'The order is still unpaid. Open this page again to pay.',
  closed: 'Order closed',
  closedHint: 'This order is closed or has expired and cannot be paid.',
  refunded: 'Order refunded',
  refundedHint: 'This order was paid and then refunded, in part or in full.',
  expired: enExpired,
  missing: 'Order not found',
  missingHint: 'The link is wrong, or the emulator has been restarted.',
  failed: 'Payment failed',
  qr: 'QR code',
  back: 'Back to the merchant',
  home: 'Emulator home',
  orders: 'Recent orders',
  noOrders: 'No orders yet. Place one with your application and it shows up here.',
  notifications: 'Recent notifications',
  noNotifications: 'No notifications yet. They follow a payment or a refund.',
  amount: 'Amount',
  state: 'State',
  open: 'Pay',
  event: 'Event',
  target: 'Posted to',
  posts: 'Posts',
  keys: 'Identity and keys',
  signing: 'Signing certificate',
  publicKeyId: 'Public key id',
  mode: 'Mode',
  api: 'Control interface',
  states: { NOTPAY: 'Unpaid', SUCCESS: 'Paid', REFUND: 'Refunded', CLOSED: 'Closed' },
  deliveries: { pending: 'Will retry', delivered: 'Delivered', 'given-up': 'Given up' },
};

/** @internal */
export function textsFor(language: Language): Texts {
  return language === 'zh' ? zh : en;
}

/** `?lang=` first, then the browser's first choice; Chinese unless that is another language. @internal */
export function chooseLanguage(asked: unknown, acceptLanguage: string = ''): Language {
  if (asked === 'zh' || asked === 'en') return asked;
  const [choice = ''] = acceptLanguage.split(',', 1);
  const first = choice.trim().toLowerCase();
  return first === '' || first === '*' || first.startsWith('zh') ? 'zh' : 'en';
}
