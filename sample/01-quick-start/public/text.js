/** Everything the page says, in both languages. */
const zh = {
  title: '拾叶小铺',
  otherLanguage: 'English',
  otherLanguageLabel: 'Switch to English',
  skip: '跳到主要内容',
  heading: '好茶，好杯，好纸。',
  intro: '挑一件喜欢的，用微信扫码付款。',
  quantity: (name) => `${name}的数量`,
  less: (name) => `减少${name}的数量`,
  more: (name) => `增加${name}的数量`,
  buy: '购买',
  buyLabel: (name, total) => `购买${name}，合计 ${total}`,
  total: '合计',
  ordering: '正在下单…',
  orderHeading: '订单',
  waiting: '等待付款',
  waitingHint: '请用微信扫一扫，付款后本页会自动更新。',
  waitingHintLocal: '演示环境：点二维码或下面的按钮，在付款页上确认。付款后本页会自动更新。',
  qrAlt: '付款二维码',
  qrFailed: '二维码没有加载出来，请刷新页面。',
  payerLink: '打开付款页',
  newTab: '（在新标签页打开）',
  paid: '已支付',
  paidHint: '已收到微信支付的通知，验签通过。谢谢惠顾！',
  refund: '申请退款',
  refundSending: '正在提交退款…',
  refunding: '退款处理中',
  refundingHint: '退款已受理，到账后本页会自动更新。',
  refundFailed: '退款未成功',
  refundFailedHint: '微信支付没有完成这笔退款，请在商户平台处理。',
  refunded: '已退款',
  refundedHint: '款项已原路退回。',
  amount: '金额',
  summary: '订单详情',
  item: '商品',
  orderNumber: '订单号',
  transactionNumber: '微信支付单号',
  steps: '进度',
  stepOrdered: '已下单',
  stepPaid: '付款通知已验签',
  stepRefunded: '退款通知已验签',
  stepRefundAccepted: '退款已受理',
  again: '继续逛逛',
  back: '返回商品',
  reconnecting: '连接中断，正在重新连接…',
  loading: '正在加载…',
  retry: '重试',
  close: '关闭提示',
  networkError: '连不上商店的服务器。请确认它正在运行，然后重试。',
  orderError: '下单没有成功，没有产生任何费用。请稍后再试。',
  refundError: '退款没有提交成功。请稍后再试，重复提交不会重复退款。',
  badRequest: '数量需要是 1 到 99 之间的整数。',
  notFound: '没有找到这个订单。商店重启后，之前的订单就不在了。',
  foot: '这是 nestjs-wechatpay 的演示商店，不会发货。订单状态只由验签通过的通知改变。',
  products: {
    tea: { name: '龙井春茶', text: '明前采摘，50\u00a0克铁罐装' },
    mug: { name: '粗陶马克杯', text: '手工拉坯，奶白流釉，320\u00a0毫升' },
    notebook: { name: '线装笔记本', text: '靛蓝布面，宣纸内页 96\u00a0页' },
    postcard: { name: '山水明信片', text: '只要一分钱，最适合试付款' },
  },
};

const en = {
  title: 'Shiye Goods',
  otherLanguage: '中文',
  otherLanguageLabel: '切换到中文',
  skip: 'Skip to the content',
  heading: 'Good tea, good cups, good paper.',
  intro: 'Pick something you like and pay by scanning with WeChat.',
  quantity: (name) => `Quantity of ${name}`,
  less: (name) => `One ${name} less`,
  more: (name) => `One ${name} more`,
  buy: 'Buy',
  buyLabel: (name, total) => `Buy ${name}, total ${total}`,
  total: 'Total',
  ordering: 'Placing the order…',
  orderHeading: 'Order',
  waiting: 'Waiting for payment',
  waitingHint: 'Scan with WeChat. This page changes by itself once you have paid.',
  waitingHintLocal:
    'This is a demo: click the code or the button below and confirm on the payer page. This page changes by itself.',
  qrAlt: 'Payment QR code',
  qrFailed: 'The QR code did not load. Please reload the page.',
  payerLink: 'Open the payer page',
  newTab: ' (opens in a new tab)',
  paid: 'Paid',
  paidHint: 'WeChat Pay’s notification has arrived and its signature is genuine. Thank you!',
  refund: 'Refund this order',
  refundSending: 'Asking for the refund…',
  refunding: 'Refund on its way',
  refundingHint: 'The refund was accepted. This page changes by itself when it is done.',
  refundFailed: 'Refund not completed',
  refundFailedHint: 'WeChat Pay could not finish this refund. Handle it on the merchant platform.',
  refunded: 'Refunded',
  refundedHint: 'The money went back the way it came.',
  amount: 'Amount',
  summary: 'Order details',
  item: 'Item',
  orderNumber: 'Order number',
  transactionNumber: 'WeChat Pay number',
  steps: 'Progress',
  stepOrdered: 'Order placed',
  stepPaid: 'Payment notification verified',
  stepRefunded: 'Refund notification verified',
  stepRefundAccepted: 'Refund accepted',
  again: 'Keep browsing',
  back: 'Back to the shop',
  reconnecting: 'Connection lost, reconnecting…',
  loading: 'Loading…',
  retry: 'Try again',
  close: 'Close this message',
  networkError: 'The shop’s server does not answer. Check that it is running and try again.',
  orderError: 'The order did not go through and nothing was charged. Please try again.',
  refundError: 'The refund was not accepted. Please try again: asking twice never refunds twice.',
  badRequest: 'The quantity must be a whole number from 1 to 99.',
  notFound: 'No such order. Orders are gone when the shop has been restarted.',
  foot: 'The demo shop of nestjs-wechatpay: nothing is shipped. Only verified notifications change an order.',
  products: {
    tea: { name: 'Longjing spring tea', text: 'Picked before Qingming, 50\u00a0g tin' },
    mug: { name: 'Stoneware mug', text: 'Hand-thrown, cream glaze, 320\u00a0ml' },
    notebook: { name: 'Thread-bound notebook', text: 'Indigo cloth, 96\u00a0pages of xuan paper' },
    postcard: { name: 'Landscape postcard', text: 'One fen: made for trying a payment' },
  },
};

const texts = { 'zh-CN': zh, en };
const storageKey = 'shop-language';

/** The language chosen before, or the browser's. */
export function initialLanguage() {
  const chosen = stored();
  if (chosen in texts) return chosen;
  return (navigator.language ?? '').toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
}

export const textIn = (language) => texts[language];
export const other = (language) => (language === 'en' ? 'zh-CN' : 'en');

export function remember(language) {
  try {
    localStorage.setItem(storageKey, language);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
}

function stored() {
  try {
    return localStorage.getItem(storageKey) ?? '';
  } catch {
    return '';
  }
}

/** Integer fen as `¥68.00`, without floating point. */
export function yuan(fen) {
  return `¥${Math.trunc(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;
}

export function clockTime(iso, language) {
  return new Intl.DateTimeFormat(language, { timeStyle: 'medium', hour12: false }).format(
    new Date(iso),
  );
}
