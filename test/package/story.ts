import { expect } from '@jest/globals';

/** What the fixtures' `sell()` tells when all went well. */
export const story = {
  codeUrl: expect.stringMatching(/^weixin:\/\/wxpay\/bizpayurl/),
  paid: {
    id: expect.any(String),
    eventType: 'TRANSACTION.SUCCESS',
    mchid: '1900000001',
    outTradeNo: 'tea0001',
  },
  state: 'SUCCESS',
  forged: 401,
  refusal: 'API_ERROR',
  health: 'up',
};
