/** Header names are lower-case; a header that came several times is an array. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** An answer as it came off the wire: nothing parsed, nothing believed. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: Buffer;
}

/** The platform's support identifier, when it is there and well-formed. */
export function requestIdOf(headers: AnswerHeaders): string | undefined {
  const value = headers['request-id'];
  return typeof value === 'string' && /^[\w.-]{1,128}$/.test(value) ? value : undefined;
}
