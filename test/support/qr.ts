import QRCode from 'qrcode';

const quietModules = 2;

/** Which modules of a text's QR code are dark, row by row, `#` for dark. */
export function modulesOf(text: string): string[] {
  const { size, data } = QRCode.create(text, { errorCorrectionLevel: 'M' }).modules;
  const cells = Array.from(data, (dark) => (dark ? '#' : '.'));
  return Array.from({ length: size }, (_, row) =>
    cells.slice(row * size, (row + 1) * size).join(''),
  );
}

/**
 * The same read from a drawing: an SVG of horizontal strokes on a white ground.
 *
 * @throws {Error} when it is another drawing, or its quiet zone (the margin) is too narrow to scan
 */
export function darkModules(svg: unknown): string[] {
  const drawn = String(svg);
  const side = Number(/^<svg [^>]*viewBox="0 0 (\d+) \1"/.exec(drawn)?.[1]);
  const path = /<path stroke="#000000" d="([^"]+)"/.exec(drawn)?.[1];
  const isOnWhite = drawn.includes(`<path fill="#ffffff" d="M0 0h${side}v${side}H0z"/>`);
  if (path === undefined || !isOnWhite) throw new Error(`no QR code: ${drawn.slice(0, 300)}`);
  const grid = Array.from({ length: side }, () => Array<string>(side).fill('.'));
  let [x, y] = [0, 0];
  for (const [, command, first = '', second = ''] of path.matchAll(
    /([Mmh])(-?[\d.]+)(?:[ ,]?(-?[\d.]+))?/g,
  )) {
    if (command === 'h') grid[y]?.fill('#', x, x + Number(first));
    x = command === 'M' ? Number(first) : x + Number(first);
    if (command === 'M') y = Math.floor(Number(second));
    if (command === 'm') y += Number(second);
  }
  const rows = grid.map((row) => row.join(''));
  const inner = rows
    .slice(quietModules, -quietModules)
    .map((row) => row.slice(quietModules, -quietModules));
  const dark = (lines: readonly string[]) => lines.join('').replaceAll('.', '').length;
  if (dark(rows) !== dark(inner)) throw new Error('the QR code has no quiet zone');
  return inner;
}
