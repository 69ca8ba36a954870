/** One line of the list that `GET /emulator` shows. @internal */
export interface ControlEndpoint {
  readonly request: string;
  readonly en: string;
  readonly zh: string;
}

/** The control interface in short. @internal */
export const controlEndpoints: readonly ControlEndpoint[] = [
  {
    request: 'POST /emulator/pay',
    en: 'Pay an order: {"code_url"}, {"prepay_id"} or {"out_trade_no","mchid"?}',
    zh: '支付订单：{"code_url"}、{"prepay_id"} 或 {"out_trade_no","mchid"?}',
  },
  {
    request: 'POST /emulator/orders/{out_trade_no}/pay',
    en: 'Pay an order by its number: {"mchid"?}',
    zh: '按商户订单号支付：{"mchid"?}',
  },
  {
    request: 'POST /emulator/refunds/{out_refund_no}/finish',
    en: 'End a refund: {"status":"SUCCESS|ABNORMAL|CLOSED","mchid"?}',
    zh: '结束退款：{"status":"SUCCESS|ABNORMAL|CLOSED","mchid"?}',
  },
  {
    request: 'POST /emulator/certificates/rotate',
    en: 'Rotate the platform certificate: {"phase"?:"add|activate|remove|all"}',
    zh: '更换平台证书：{"phase"?:"add|activate|remove|all"}',
  },
  {
    request: 'GET /emulator/certificates',
    en: 'The serials that are listed and the one that signs',
    zh: '当前列出的证书序列号与签名证书',
  },
  {
    request: 'POST /emulator/merchants/{mchid}/certificates',
    en: 'Another key and certificate for a merchant; GET lists, DELETE …/{serial} ends one',
    zh: '为商户增发密钥与商户API证书；GET 查看，DELETE …/{serial} 作废',
  },
  {
    request: 'POST /emulator/faults',
    en: 'Make something go wrong: {"match","kind","times"}; GET lists, DELETE clears',
    zh: '注入故障：{"match","kind","times"}；GET 查看，DELETE 清除',
  },
  {
    request: 'GET /emulator/notifications',
    en: 'Every notification with every attempt and answer: ?state=pending|delivered|given-up',
    zh: '所有通知及每次投递的应答：?state=pending|delivered|given-up',
  },
  {
    request: 'POST /emulator/notifications',
    en: 'Notify of any event: {"event","payload"?,"url"?,"copies"?,…} or {"events":[…],"shuffle"?,…}',
    zh: '投递任意通知：{"event","payload"?,"url"?,"copies"?,…} 或 {"events":[…],"shuffle"?,…}',
  },
  {
    request: 'POST /emulator/notifications/{id}/resend',
    en: 'Post a notification again at once',
    zh: '立即重新投递通知',
  },
  {
    request: 'POST /emulator/clock',
    en: 'Move the clock: {"offsetMs"} sets, {"advanceMs"} adds',
    zh: '调整时钟：{"offsetMs"} 设定，{"advanceMs"} 前进',
  },
  {
    request: 'GET /emulator/payer?code_url=…',
    en: 'The page on which a person pays',
    zh: '付款页面',
  },
  {
    request: 'GET /emulator/qr?text=…',
    en: 'A QR code of a code_url or h5_url of this emulator, SVG',
    zh: 'code_url 或 h5_url 的二维码（SVG）',
  },
];
