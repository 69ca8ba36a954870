/** Version of this package; a test holds it equal to package.json. */
export const VERSION = '0.1.0';

/**
 * Start of every token, symbol and metadata key of ours. It carries the major version: two copies of
 * one major in a process agree, two majors never mix.
 */
export const TOKEN_PREFIX = `wechat-pay/${VERSION.slice(0, VERSION.indexOf('.'))}`;
