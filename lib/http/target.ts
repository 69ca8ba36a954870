import { WechatPayRequestError } from '../errors/index.js';

/** A query value; lists repeat the name, `undefined` leaves it out. */
export type QueryValue = string | number | boolean | undefined | readonly (string | number)[];

/**
 * Puts a path together from a template and its parameters. Each parameter becomes one whole path
 * segment, percent-encoded once; what is signed is what is sent.
 *
 * @throws {WechatPayRequestError} when a parameter is missing, empty, or `.` or `..`
 */
export function expandPath(
  template: string,
  parameters: Readonly<Record<string, string>> = {},
): string {
  return template.replace(/\{([a-z0-9_]+)\}/gi, (_, name: string) => {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (typeof value !== 'string' || value === '') {
      throw new WechatPayRequestError(`The path parameter ${name} is missing or empty`);
    }
    if (value === '.' || value === '..') {
      throw new WechatPayRequestError(`The path parameter ${name} must not be a dot segment`);
    }
    return encode(value, name);
  });
}

/**
 * Checks a path given by the application and appends the query. Characters that may not stand in a
 * request line are percent-encoded as UTF-8; what is encoded already stays as it is.
 *
 * @throws {WechatPayRequestError} for a path that is not absolute, has a fragment, a backslash or a
 * dot segment
 */
export function buildTarget(path: string, query?: Readonly<Record<string, QueryValue>>): string {
  if (typeof path !== 'string' || !path.startsWith('/') || path.startsWith('//')) {
    throw new WechatPayRequestError('The path must start with one slash: /v3/…');
  }
  if (/[#\\]/.test(path)) {
    throw new WechatPayRequestError('The path must not hold # or \\: encode them as %23 and %5C');
  }
  const [plainPath = ''] = path.split('?', 1);
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(plainPath)) {
    throw new WechatPayRequestError('The path must not hold . or .. segments');
  }
  const target = /^[\x21-\x7e]*$/.test(path) ? path : encodeUnsafe(path);
  const extra = query ? encodeQuery(query) : '';
  if (extra === '') return target;
  return target + (target.includes('?') ? '&' : '?') + extra;
}

function encodeQuery(query: Readonly<Record<string, QueryValue>>): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const item of [value].flat())
      pairs.push(`${encode(name, name)}=${encode(String(item), name)}`);
  }
  return pairs.join('&');
}

function encode(value: string, name: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    throw new WechatPayRequestError(`The parameter ${name} is not valid Unicode`);
  }
}

function encodeUnsafe(path: string): string {
  return path.replace(/[^\x21-\x7e]+/g, (text) => encode(text, 'of the path'));
}
