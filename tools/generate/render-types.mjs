// Wire types as interfaces and open unions, with what the catalogue knows in docstrings.
import { doc, quote, typeText, width } from './text.mjs';

const moneyField = /(^|_)(amount|price|fee|contribute|refund|total)$/;
const formatNotes = {
  'date-time': 'RFC 3339 date and time.',
  date: 'RFC 3339 full date.',
  json: 'A string that itself holds JSON.',
};

function fieldNotes(key, field, type) {
  const notes = [];
  if (field.type === 'integer' && moneyField.test(key) && !type.origin.startsWith('global.')) {
    notes.push('Integer, in fen.');
  }
  if (field.format !== undefined) notes.push(formatNotes[field.format]);
  if (field.maxLength !== undefined) notes.push(`Maximum length ${field.maxLength}.`);
  if (field.enum !== undefined) notes.push('The platform may add values.');
  if (field.encrypted === true) {
    const sent = 'Sent encrypted: give the plain text, the client encrypts it.';
    const received = 'Arrives encrypted; the client decrypts it.';
    notes.push([type.isInput && sent, type.isOutput && received].filter(Boolean).join(' '));
  }
  return notes.length > 0 ? [notes.join(' ')] : [];
}

function renderField([key, field], type) {
  const isReadonly = type.isOutput && !type.isInput;
  const modifier = isReadonly ? 'readonly ' : '';
  let text = typeText(field);
  if (field.array === true) text = modifier + (text.includes('|') ? `(${text})[]` : `${text}[]`);
  if (field.nullable === true) text = `${text} | null`;
  const mark = field.required === true ? '' : '?';
  const docstring = doc(fieldNotes(key, field, type), '  ');
  const start = `  ${modifier}${key}${mark}:`;
  const gap = start.length + text.length + 2 <= width ? ' ' : '\n    ';
  return `${docstring}${start}${gap}${text};\n`;
}

/** `Body of a`, `Body of b` → `Body of a, b`: what a type is, said by where it appears. */
function usageNotes(usedIn) {
  const places = new Map();
  for (const usage of usedIn) {
    const [role, place] = usage.split(' of ');
    places.set(role, [...(places.get(role) ?? []), place]);
  }
  return [...places].map(([role, all]) => {
    const shown = all.slice(0, 3).join(', ');
    return `${role} of ${shown}${all.length > 3 ? ` and ${all.length - 3} more` : ''}.`;
  });
}

/** One exported type with its docstring. */
export function renderType(name, type) {
  const notes = usageNotes(type.usedIn);
  if (notes.length === 0) notes.push(`Wire type \`${type.origin}\`.`);
  if (type.kind === 'enum') {
    notes.push('', 'An open list: the platform adds values without notice.');
  }
  const docstring = doc([...notes, '', '@publicApi']);
  if (type.kind === 'enum') {
    const members = [...type.values.map(quote), '(string & {})'];
    const start = `export type ${name} =`;
    const line = members.join(' | ');
    if (start.length + line.length + 2 <= width) return `${docstring}${start} ${line};\n`;
    if (line.length + 3 <= width) return `${docstring}${start}\n  ${line};\n`;
    return `${docstring}${start}\n${members.map((m) => `  | ${m}`).join('\n')};\n`;
  }
  const fields = type.fields.map((field) => renderField(field, type)).join('');
  return `${docstring}export interface ${name} {\n${fields}}\n`;
}
