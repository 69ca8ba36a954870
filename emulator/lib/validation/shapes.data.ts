/** A request shape: the fields of an object, or the values of an enumeration. */
export type Shape =
  { readonly fields: Readonly<Record<string, string>> } | { readonly values: readonly string[] };

/**
 * The bodies that the platform accepts, as data. A field reads `type[]? format`: the name of a
 * basic type or of another shape, `[]` for a list, `?` when it may be left out, `encrypted` when
 * it travels as RSA-OAEP ciphertext, `date-time` for RFC 3339.
 *
 * @see WeChat Pay APIv3 docs: JSAPI下单, APP下单, H5下单, Native下单, 关闭订单, 申请退款
 * @internal
 */
export const shapes: Readonly<Record<string, Shape>> = {
  Currency: { values: ['CNY'] },
  LimitPay: { values: ['no_balance', 'no_credit', 'no_debit', 'balance_only'] },
  Amount: {
    fields: {
      total: 'integer',
      currency: 'Currency?',
    },
  },
  GoodsDetail: {
    fields: {
      merchant_goods_id: 'string',
      wechatpay_goods_id: 'string?',
      goods_name: 'string?',
      quantity: 'integer',
      unit_price: 'integer',
    },
  },
  Detail: {
    fields: {
      cost_price: 'integer?',
      invoice_id: 'string?',
      goods_detail: 'GoodsDetail[]?',
    },
  },
  SettleInfo: {
    fields: {
      profit_sharing: 'boolean?',
    },
  },
  StoreInfo: {
    fields: {
      id: 'string',
      name: 'string?',
      area_code: 'string?',
      address: 'string?',
    },
  },
  SceneInfo: {
    fields: {
      payer_client_ip: 'string',
      device_id: 'string?',
      store_info: 'StoreInfo?',
    },
  },
  IdentityType: {
    values: [
      'IDCARD',
      'HONGKONG_MACAO',
      'HONGKONG_MACAO_RESIDENT',
      'TAIWAN_RESIDENT',
      'FOREIGN_RESIDENT',
      'OVERSEA_PASSPORT',
      'PHONE_NUMBER',
    ],
  },
  Identity: {
    fields: {
      type: 'IdentityType',
      number: 'string encrypted',
      name: 'string encrypted',
    },
  },
  Payer: {
    fields: {
      identity: 'Identity?',
    },
  },
  NativePrepay: {
    fields: {
      appid: 'string',
      mchid: 'string',
      description: 'string',
      out_trade_no: 'string',
      time_expire: 'string? date-time',
      attach: 'string?',
      notify_url: 'string',
      goods_tag: 'string?',
      limit_pay: 'LimitPay[]?',
      support_fapiao: 'boolean?',
      amount: 'Amount',
      detail: 'Detail?',
      settle_info: 'SettleInfo?',
      scene_info: 'SceneInfo?',
      payer: 'Payer?',
    },
  },
  JsapiPayer: {
    fields: {
      openid: 'string',
      identity: 'Identity?',
    },
  },
  SubsidyPeriodType: { values: ['DAILY', 'PERIOD'] },
  SubsidyPlan: {
    fields: {
      subsidy_installment_num: 'integer',
      subsidy_percent: 'integer',
    },
  },
  SubsidyDetail: {
    fields: {
      subsidy_period_type: 'SubsidyPeriodType',
      subsidy_plan: 'SubsidyPlan[]',
    },
  },
  SubsidyInfo: {
    fields: {
      subsidy_detail: 'SubsidyDetail[]?',
    },
  },
  JsapiPrepay: {
    fields: {
      appid: 'string',
      mchid: 'string',
      description: 'string',
      out_trade_no: 'string',
      time_expire: 'string? date-time',
      attach: 'string?',
      notify_url: 'string',
      goods_tag: 'string?',
      limit_pay: 'LimitPay[]?',
      support_fapiao: 'boolean?',
      amount: 'Amount',
      payer: 'JsapiPayer',
      detail: 'Detail?',
      scene_info: 'SceneInfo?',
      settle_info: 'SettleInfo?',
      subsidy_info: 'SubsidyInfo?',
    },
  },
  H5Type: { values: ['iOS', 'Android', 'Wap'] },
  H5Info: {
    fields: {
      type: 'H5Type',
      app_name: 'string?',
      app_url: 'string?',
      bundle_id: 'string?',
      package_name: 'string?',
    },
  },
  H5SceneInfo: {
    fields: {
      payer_client_ip: 'string',
      device_id: 'string?',
      store_info: 'StoreInfo?',
      h5_info: 'H5Info',
    },
  },
  H5Prepay: {
    fields: {
      appid: 'string',
      mchid: 'string',
      description: 'string',
      out_trade_no: 'string',
      time_expire: 'string? date-time',
      attach: 'string?',
      notify_url: 'string',
      goods_tag: 'string?',
      limit_pay: 'LimitPay[]?',
      support_fapiao: 'boolean?',
      amount: 'Amount',
      detail: 'Detail?',
      scene_info: 'H5SceneInfo',
      settle_info: 'SettleInfo?',
      payer: 'Payer?',
    },
  },
  AppPrepay: {
    fields: {
      appid: 'string',
      mchid: 'string',
      description: 'string',
      out_trade_no: 'string',
      time_expire: 'string? date-time',
      attach: 'string?',
      notify_url: 'string',
      goods_tag: 'string?',
      limit_pay: 'LimitPay[]?',
      support_fapiao: 'boolean?',
      amount: 'Amount',
      detail: 'Detail?',
      scene_info: 'SceneInfo?',
      settle_info: 'SettleInfo?',
      payer: 'Payer?',
      subsidy_info: 'SubsidyInfo?',
    },
  },
  PartnerSettleInfo: {
    fields: {
      profit_sharing: 'boolean?',
      subsidy_amount: 'integer?',
    },
  },
  PartnerNativePrepay: {
    fields: {
      sp_appid: 'string',
      sp_mchid: 'string',
      sub_appid: 'string?',
      sub_mchid: 'string',
      description: 'string',
      out_trade_no: 'string',
      time_expire: 'string? date-time',
      attach: 'string?',
      notify_url: 'string',
      goods_tag: 'string?',
      limit_pay: 'LimitPay[]?',
      support_fapiao: 'boolean?',
      amount: 'Amount',
      detail: 'Detail?',
      settle_info: 'PartnerSettleInfo?',
      scene_info: 'SceneInfo?',
      payer: 'Payer?',
    },
  },
  PartnerPayer: {
    fields: {
      sp_openid: 'string?',
      sub_openid: 'string?',
      identity: 'Identity?',
    },
  },
  PartnerJsapiPrepay: {
    fields: {
      sp_appid: 'string',
      sp_mchid: 'string',
      sub_appid: 'string?',
      sub_mchid: 'string',
      description: 'string',
      out_trade_no: 'string',
      time_expire: 'string? date-time',
      attach: 'string?',
      notify_url: 'string',
      goods_tag: 'string?',
      limit_pay: 'LimitPay[]?',
      support_fapiao: 'boolean?',
      amount: 'Amount',
      payer: 'PartnerPayer',
      detail: 'Detail?',
      scene_info: 'SceneInfo?',
      settle_info: 'PartnerSettleInfo?',
      subsidy_info: 'SubsidyInfo?',
    },
  },
  PartnerSceneInfo: {
    fields: {
      payer_client_ip: 'string',
      device_id: 'string?',
      store_info: 'StoreInfo?',
      h5_info: 'H5Info',
    },
  },
  PartnerH5Prepay: {
    fields: {
      sp_appid: 'string',
      sp_mchid: 'string',
      sub_appid: 'string?',
      sub_mchid: 'string',
      description: 'string',
      out_trade_no: 'string',
      time_expire: 'string? date-time',
      attach: 'string?',
      notify_url: 'string',
      goods_tag: 'string?',
      limit_pay: 'LimitPay[]?',
      support_fapiao: 'boolean?',
      amount: 'Amount',
      detail: 'Detail?',
      scene_info: 'PartnerSceneInfo',
      settle_info: 'PartnerSettleInfo?',
      payer: 'Payer?',
    },
  },
  PartnerAppPrepay: {
    fields: {
      sp_appid: 'string',
      sp_mchid: 'string',
      sub_appid: 'string?',
      sub_mchid: 'string',
      description: 'string',
      out_trade_no: 'string',
      time_expire: 'string? date-time',
      attach: 'string?',
      notify_url: 'string',
      goods_tag: 'string?',
      limit_pay: 'LimitPay[]?',
      support_fapiao: 'boolean?',
      amount: 'Amount',
      detail: 'Detail?',
      scene_info: 'SceneInfo?',
      settle_info: 'PartnerSettleInfo?',
      payer: 'Payer?',
      subsidy_info: 'SubsidyInfo?',
    },
  },
  CloseOrder: {
    fields: {
      mchid: 'string',
    },
  },
  PartnerCloseOrder: {
    fields: {
      sp_mchid: 'string',
      sub_mchid: 'string',
    },
  },
  RefundGoodsDetail: {
    fields: {
      merchant_goods_id: 'string',
      wechatpay_goods_id: 'string?',
      goods_name: 'string?',
      unit_price: 'integer',
      refund_amount: 'integer',
      refund_quantity: 'integer',
    },
  },
  Account: { values: ['AVAILABLE', 'UNAVAILABLE'] },
  FundsFromItem: {
    fields: {
      amount: 'integer',
      account: 'Account',
    },
  },
  RefundAmount: {
    fields: {
      refund: 'integer',
      from: 'FundsFromItem[]?',
      total: 'integer',
      currency: 'Currency',
    },
  },
  ReqFundsAccount: { values: ['AVAILABLE', 'UNSETTLED'] },
  RefundAccount: {
    values: [
      'REFUND_SOURCE_PARTNER_ADVANCE',
      'REFUND_SOURCE_SUB_MERCHANT',
      'REFUND_SOURCE_SUB_MERCHANT_ADVANCE',
    ],
  },
  RefundCreate: {
    fields: {
      sub_mchid: 'string?',
      transaction_id: 'string?',
      out_trade_no: 'string?',
      out_refund_no: 'string',
      reason: 'string?',
      notify_url: 'string?',
      goods_detail: 'RefundGoodsDetail[]?',
      amount: 'RefundAmount',
      funds_account: 'ReqFundsAccount?',
      refund_account: 'RefundAccount?',
    },
  },
};
