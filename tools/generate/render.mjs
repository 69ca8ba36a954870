// Writes the model down as TypeScript: the same input gives the same bytes.
import { posix } from 'node:path';
import { fail } from './load.mjs';
import { encryptedPaths } from './model.mjs';
import { renderType } from './render-types.mjs';
import { doc, list, quote, typeText, width } from './text.mjs';

const generatedBy = 'by tools/generate.mjs; do not edit';
/** How a generated file starts; a file that starts so and is no longer generated is removed. */
export const headerStart = '// Generated from tools/spec';

const header = (sources) => `${headerStart}${sources} ${generatedBy}.\n\n`;
const byName = (a, b) => (a < b ? -1 : Number(a > b));

function params(all) {
  if (all.length === 0) return 'Record<string, never>';
  const members = all.map(
    (param) => `${param.name}${param.required ? '' : '?'}: ${typeText(param)}`,
  );
  const line = `{ ${members.join('; ')} }`;
  if (line.length <= width - 5) return line;
  return `{\n${members.map((member) => `      ${member};\n`).join('')}    }`;
}

function operationNotes(operation, decisions) {
  const { http, operation: name } = operation;
  const notes = [`${operation.summary}.`, '', `\`${http.method} ${http.path}\``];
  if (Object.hasOwn(decisions, name)) {
    const { by, repeat } = decisions[name] ?? {};
    const later = repeat === 'later' ? ', a minute later or more' : '';
    const same = `Idempotent by \`${by}\`: may be repeated with every parameter unchanged${later}.`;
    notes.push('', by ? same : 'Not known to be idempotent: query before repeating it.');
  }
  if (operation.deprecated === true) notes.push('', '@deprecated by the platform');
  return notes;
}

function idempotency(decision, service) {
  if (!decision) return 'undefined';
  const { by, in: place, repeat } = decision;
  const { http } = service.operations.find((each) => each.operation === decision.query);
  const entries = { by, in: place, repeat, query: `${http.method} ${http.path}` };
  const lines = Object.entries(entries).map(([key, value]) => `      ${key}: ${quote(value)},\n`);
  return `{\n${lines.join('')}    }`;
}

function renderOperation(operation, types, service) {
  const { decisions } = service;
  const { id, http, pathParams, queryParams, body, result } = operation;
  const encrypted = encryptedPaths(types, body);
  if (encrypted.length > 0 !== operation.encrypted) {
    fail(id, `"encrypted" is ${operation.encrypted}, the body has [${encrypted}]`);
  }
  const textList = (key, all) => list(all.map(quote), '[', ']', '    ', `    ${key}: `.length);
  const entries = {
    id: quote(id),
    method: quote(http.method),
    path: quote(http.path),
    pathParams: textList('pathParams', names(pathParams)),
    queryParams: textList('queryParams', names(queryParams)),
    hasBody: String(body !== null),
    encrypted: textList('encrypted', encrypted),
    decrypted: textList('decrypted', encryptedPaths(types, result)),
    idempotency: idempotency(decisions[operation.operation], service),
  };
  const lines = Object.entries(entries).map(([key, value]) => `    ${key}: ${value},\n`);
  const phantom = [params(pathParams), params(queryParams), body ?? 'undefined', result ?? 'void'];
  const type = list(phantom, 'Operation<', '>', '  ', '  } as '.length).replace(
    /,\n {2}>$/,
    '\n  >',
  );
  const docstring = doc(operationNotes(operation, decisions), '  ');
  return `${docstring}  ${operation.operation}: {\n${lines.join('')}  } as ${type},\n`;
}

const names = (all) => all.map((param) => param.name);

function imports(file, used, types) {
  const byFile = new Map();
  for (const name of used) {
    const home = types.get(name)?.file;
    if (home === undefined || home === file) continue;
    byFile.set(home, [...(byFile.get(home) ?? []), name]);
  }
  return [...byFile.keys()].sort(byName).map((home) => {
    const relative = posix.relative(posix.dirname(file), home);
    const from = relative.startsWith('.') ? relative : `./${relative}`;
    const end = ` from '${from}.js';`;
    const all = list(
      byFile.get(home).sort(byName),
      '{ ',
      ' }',
      '',
      'import type '.length + end.length - 1,
    );
    return `import type ${all}${end}\n`;
  });
}

function renderFile(file, own, model) {
  const entry = model.files.find((each) => each.file === file);
  const operations = entry?.operations ?? [];
  const used = new Set(own.flatMap(([, type]) => type.fields.map(([, field]) => field.type)));
  for (const { pathParams, queryParams, body, result } of operations) {
    for (const param of [...pathParams, ...queryParams]) used.add(param.type);
    used.add(body).add(result);
  }
  const sources = entry ? `/${entry.service.service}.json` : '';
  const head = imports(file, used, model.types);
  if (entry) head.unshift("import type { Operation } from '../operation.js';\n");
  const parts = own.map(([name, type]) => renderType(name, type));
  if (head.length > 0) parts.unshift(head.join(''));
  if (entry) {
    const { constant, service } = entry;
    const body = operations.map((each) => renderOperation(each, model.types, service));
    const docstring = doc([`Operations of \`${service.service}\`.`, '', '@internal']);
    parts.push(`${docstring}export const ${constant} = {\n${body.join('\n')}} as const;\n`);
  }
  return `${header(sources)}${parts.join('\n')}`;
}

/** File below the output folder → its text. */
export function render(model) {
  const byFile = new Map(model.files.map(({ file }) => [file, []]));
  for (const entry of model.types) {
    const { file } = entry[1];
    byFile.set(file, [...(byFile.get(file) ?? []), entry]);
  }
  const output = new Map();
  const index = [];
  for (const file of [...byFile.keys()].sort(byName)) {
    const own = byFile.get(file).sort(([a], [b]) => byName(a, b));
    output.set(`${file}.ts`, renderFile(file, own, model));
    const exported = own.map(([name]) => `  ${name},\n`).join('');
    if (exported !== '') index.push(`export type {\n${exported}} from './${file}.js';\n`);
  }
  return output.set('index.ts', `${header('')}${index.join('')}`);
}
