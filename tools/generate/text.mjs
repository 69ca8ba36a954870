// Pieces of TypeScript source, escaped and broken at the width that prettier uses.
export const width = 100;

/** A string literal. */
export function quote(text) {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inner.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`;
}

/** A docstring; text of the catalogue cannot end it. */
export function doc(lines, indent = '') {
  const safe = lines.map((line) =>
    line.replaceAll('*/', '*\\/').replace(/[\r\n\u2028\u2029]+/g, ' '),
  );
  if (safe.length === 0) return '';
  if (safe.length === 1) return `${indent}/** ${safe[0]} */\n`;
  const body = safe.map((line) => `${indent} * ${line}`.trimEnd()).join('\n');
  return `${indent}/**\n${body}\n${indent} */\n`;
}

/** A bracketed list on one line when `lead` characters before it and one after it leave the room. */
export function list(items, open, close, indent, lead) {
  const line = `${open}${items.join(', ')}${close}`;
  if (items.length === 0 || lead + line.length < width) return line;
  return `${open.trimEnd()}\n${items.map((item) => `${indent}  ${item},\n`).join('')}${indent}${close.trimStart()}`;
}

/** A union that keeps completion for the known values and accepts any other. */
export const openUnion = (literals, base) => `${literals.join(' | ')} | (${base} & {})`;

/** The TypeScript type of a field or parameter, arrays apart. */
export function typeText(field) {
  const scalar = { integer: 'number', object: 'Record<string, unknown>' };
  const name = Object.hasOwn(scalar, field.type) ? scalar[field.type] : field.type;
  return field.enum === undefined ? name : openUnion(field.enum.map(String), name);
}
