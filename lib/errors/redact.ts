const OPENID = /(?<![\w-])o[\w-]{27}(?![\w-])/g;
const LONG_BASE64 = /[A-Za-z0-9+/]{100,}={0,2}/g;
const PEM_BLOCK = /-----BEGIN[^-]{0,40}-----[\s\S]{0,8192}?(?:-----END[^-]{0,40}-----|$)/g;
const AUTHORIZATION = /WECHATPAY2-[\w-]+\s[^\n]*/g;
const ID_NUMBER = /(?<!\d)\d{17}[\dXx](?![\dXx])/g;
const PHONE_NUMBER = /(?<!\d)1[3-9]\d{9}(?!\d)/g;
/**
 * As bank cards begin; numbers of orders that begin with a date do not. Beside a letter or a hyphen it is
 * a part of something else.
 */
const CARD_NUMBER = /(?<![\w-])(?:[3-69]\d|2[2-7])\d{11,17}(?![\w-])/g;
/** A foreign text must not write lines of a log of its own, nor colour them. */
const CONTROL = /[\p{Cc}\u2028\u2029]+/gu;
/** Query parameters that identify a merchant or a page, never a person. */
const PLAIN_QUERY = /^(?:sp_|sub_|combine_)?mchid$|^(?:offset|limit)$/;
const MAX_TEXT = 512;

/**
 * Makes a text of the platform fit for a message or a log: shapes of openids, identity, phone and bank
 * card numbers, keys, signatures and `Authorization` values are replaced, and the length is bounded
 * (512 characters). Names have no shape.
 *
 * @internal
 */
export function redactText(text: string): string {
  return redactShapes(text)
    .replace(CARD_NUMBER, (digits) => (hasCheckDigit(digits) ? '[card]' : digits))
    .slice(0, MAX_TEXT);
}

/** Whether the last digit is that of Luhn (ISO/IEC 7812), as on bank cards. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** All but card numbers, which a number of an order can look like. The length is the caller's to bound. */
function redactShapes(text: string): string {
  return text
    .slice(0, 8 * MAX_TEXT)
    .replace(PEM_BLOCK, '[pem]')
    .replace(AUTHORIZATION, '[authorization]')
    .replace(LONG_BASE64, '[base64]')
    .replace(OPENID, '[openid]')
    .replace(ID_NUMBER, '[id]')
    .replace(PHONE_NUMBER, '[phone]')
    .replace(CONTROL, ' ');
}

/**
 * A request target fit for a message: query values are dropped except merchant numbers and paging,
 * and path segments shaped like personal data are replaced. No card number stands in a path, and
 * numbers of orders do.
 *
 * @internal
 */
export function redactTarget(target: string): string {
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  if (queryAt < 0) return redactShapes(path).slice(0, MAX_TEXT);
  const query = target
    .slice(queryAt + 1)
    .split('&', 32)
    .map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      return PLAIN_QUERY.test(name) && /^\d{1,32}$/.test(value) ? pair : `${redactText(name)}=…`;
    })
    .join('&');
  return `${redactShapes(path)}?${query}`.slice(0, MAX_TEXT);
}

/**
 * What one of our own checks found wrong with a value, to stand behind the value's name. Whatever else
 * went wrong may quote the value, so it is not shown.
 *
 * @internal
 */
export function checkMessageOf(error: unknown): string {
  const isOurs = error instanceof TypeError || error instanceof RangeError;
  return isOurs ? error.message : 'cannot be read';
}

/** What is kept of a foreign error beside its name and message. */
const PLAIN_FACTS = ['code', 'errno', 'syscall', 'address', 'port'] as const;

/**
 * A copy of what went wrong underneath that is fit for a log: name, redacted message, frames of the
 * stack and the operating system's facts. Whatever else a foreign error holds stays behind: bytes of
 * an answer, a command, headers, the text that a parser choked on.
 *
 * @internal
 */
export function safeCause(cause: unknown): Error | undefined {
  if (typeof cause === 'string') return new Error(redactText(cause));
  if (typeof cause !== 'object' || cause === null) return undefined;
  const foreign = cause as Readonly<Record<string, unknown>>;
  const { name, message, stack } = foreign;
  const isParserError = name === 'SyntaxError'; // its message quotes the text
  const safe = new Error(
    typeof message === 'string' && !isParserError ? redactText(message) : 'malformed text',
  );
  const frames =
    typeof stack === 'string' ? stack.split('\n').filter(isFrame).slice(0, 30).map(redactText) : [];
  const safeName = typeof name === 'string' ? redactText(name) : 'Error';
  Object.defineProperty(safe, 'name', { value: safeName, configurable: true });
  safe.stack = [`${safeName}: ${safe.message}`, ...frames].join('\n');
  for (const fact of PLAIN_FACTS) {
    const value = foreign[fact];
    if (typeof value === 'number') Object.assign(safe, { [fact]: value });
    else if (typeof value === 'string') Object.assign(safe, { [fact]: redactText(value) });
  }
  return safe;
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}
