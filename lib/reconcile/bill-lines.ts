import { WechatPayBillError } from '../errors/index.js';

/** Longest line of a bill, in bytes; a real one has some hundreds. */
const MAX_LINE_BYTES = 64 * 1024;
const LF = 0x0a;
const CR = 0x0d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The lines of a text that comes in pieces, without their LF or CRLF and the mark at its beginning. A
 * line is a part of the memory it came in: read it before the next one.
 *
 * @throws {WechatPayBillError} `BILL_INVALID` for a line longer than 64 KiB
 */
export async function* billLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  let rest: Buffer = Buffer.alloc(0);
  let isFirst = true;
  const line = (bytes: Buffer): Buffer => {
    if (bytes.length > MAX_LINE_BYTES) throw tooLong();
    const start = isFirst && bytes.subarray(0, 3).equals(BOM) ? 3 : 0;
    isFirst = false;
    return bytes.subarray(start, bytes.at(-1) === CR ? -1 : undefined);
  };
  for await (const piece of pieces) {
    const bytes = Buffer.concat([rest, piece]);
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      yield line(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > MAX_LINE_BYTES) throw tooLong();
  }
  if (rest.length > 0) yield line(rest);
}

function tooLong(): WechatPayBillError {
  return new WechatPayBillError(
    'BILL_INVALID',
    `The trade bill has a line longer than ${MAX_LINE_BYTES} bytes: download it again, and tell the platform's support if it stays so`,
  );
}
