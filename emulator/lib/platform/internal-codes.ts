/**
 * The number after the last dash of `Request-ID`, by error code. For logs; nobody should branch on it.
 *
 * @see wechatpay-skills (GitHub, WeChat Pay team): 排障手册
 * @internal
 */
export const internalCodes: Readonly<Record<string, number>> = {
  SIGN_ERROR: 268443699,
  PARAM_ERROR: 268435461,
  FREQUENCY_LIMITED: 268447840,
  ORDER_NOT_EXIST: 268512771,
  ORDERPAID: 268449538,
  INVALID_REQUEST: 268498688,
  APPID_MCHID_NOT_MATCH: 268445527,
};
