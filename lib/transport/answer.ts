/** Header names are lower-case; a header that came several times is an array. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** An answer as it came off the wire: nothing parsed, nothing believed. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: Buffer;
}
