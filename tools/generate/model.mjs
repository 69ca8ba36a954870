// Turns services into one set of types with public names, each in one file.
import { fail, typeName } from './load.mjs';

const upperFirst = (text) => text[0].toUpperCase() + text.slice(1);
const lowerFirst = (text) => text[0].toLowerCase() + text.slice(1);
const kebab = (text) => text.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** `payments.native` → `payments/native`, `refund` → `refund/refund`. */
export function fileOf(service) {
  const [family, ...rest] = service.split('.').map(kebab);
  return `${family}/${rest.length > 0 ? rest.join('-') : family}`;
}

/** `Native` and `PrepayRequest` → `NativePrepayRequest`; `H5` and `H5Info` stay `H5Info`. */
export function withPrefix(prefix, name) {
  const isPrefixed = name.startsWith(prefix) && !/^[a-z]/.test(name.slice(prefix.length));
  return isPrefixed ? name : prefix + name;
}

const own = (object, key) => (object && Object.hasOwn(object, key) ? object[key] : undefined);

function closure(roots, services) {
  const found = new Set();
  const visit = (name) => {
    if (found.has(name)) return;
    const definitions = services.map((service) => own(service.types, name)).filter(Boolean);
    if (definitions.length === 0) return;
    found.add(name);
    for (const definition of definitions) {
      for (const field of Object.values(definition.fields ?? {})) visit(field.type);
    }
  };
  roots.forEach(visit);
  return found;
}

function readGroups(services, shared) {
  return shared.map((group) => {
    const members = group.services.map((name) => {
      const member = services.find((service) => service.service === name);
      return (
        member ?? fail('names.json', `${group.file} shares types of ${name}, which is missing`)
      );
    });
    const names = closure(group.types, members);
    for (const root of group.types) {
      if (!names.has(root)) fail('names.json', `${group.file} shares ${root}, which nobody has`);
    }
    return { ...group, names };
  });
}

/** Where a type of a service lives and what it is called in public. */
function place(service, name, groups, names) {
  const group = groups.find((g) => g.services.includes(service.service) && g.names.has(name));
  const home = group ?? { file: fileOf(service.service), ...naming(service.service, names) };
  const publicName = own(home.rename, name) ?? withPrefix(home.prefix, name);
  if (!typeName.test(publicName)) fail('names.json', `${publicName} is no type name`);
  if (!/^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*$/.test(home.file)) {
    fail('names.json', `${home.file} is no file`);
  }
  return { publicName, file: home.file };
}

function naming(service, names) {
  const byDefault = { prefix: service.split('.').map(upperFirst).join('') };
  const chosen = { ...byDefault, ...own(names.services, service) };
  if (!typeName.test(chosen.prefix)) fail('names.json', `${chosen.prefix} is no prefix`);
  return chosen;
}

/**
 * `types`: public name → { file, origin, kind, values | fields, parents, isInput, isOutput }, where field
 * types are public names too; `services`: what the operations of each file need.
 */
export function buildModel({ services, names }) {
  const groups = readGroups(services, names.shared);
  const types = new Map();
  const publicNameOf = (service, name) =>
    Object.hasOwn(service.types, name) ? place(service, name, groups, names).publicName : name;

  for (const service of services) {
    for (const [name, definition] of Object.entries(service.types)) {
      const { publicName, file } = place(service, name, groups, names);
      const fields = Object.entries(definition.fields ?? {}).map(([key, field]) => [
        key,
        { ...field, type: publicNameOf(service, field.type) },
      ]);
      const type = { file, kind: definition.kind, values: definition.values, fields };
      const origin = `${service.service}.${name}`;
      const before = types.get(publicName);
      if (before === undefined) {
        types.set(publicName, { ...type, origin, usedIn: [], isInput: false, isOutput: false });
      } else if (before.file !== file || before.origin.split('.').at(-1) !== name) {
        fail('names.json', `${before.origin} and ${origin} both become ${publicName}: rename one`);
      } else if (shapeOf(before) !== shapeOf(type)) {
        fail('names.json', `${before.origin} and ${origin} differ: ${publicName} cannot be shared`);
      }
    }
  }
  const typed = (service, params) =>
    params.map((param) => ({ ...param, type: publicNameOf(service, param.type) }));
  const files = services.map((service) => ({
    file: fileOf(service.service),
    service,
    constant: `${lowerFirst(naming(service.service, names).prefix)}Operations`,
    operations: service.operations.map((operation) => ({
      ...operation,
      id: `${service.service}.${operation.operation}`,
      pathParams: typed(service, operation.pathParams),
      queryParams: typed(service, operation.queryParams),
      body: operation.requestType && publicNameOf(service, operation.requestType),
      result: operation.responseType && publicNameOf(service, operation.responseType),
    })),
  }));
  checkConstants(files);
  for (const { operations } of files) operations.forEach((each) => markUses(each, types));
  return { types, files };
}

const shapeOf = ({ kind, values, fields }) => JSON.stringify([kind, values, fields]);

function checkConstants(files) {
  const seen = new Map();
  for (const { constant, service, file } of files) {
    for (const key of [constant, file]) {
      if (seen.has(key)) fail('names.json', `${seen.get(key)} and ${service.service}: ${key}`);
      seen.set(key, service.service);
    }
  }
}

/** Notes for every type whether it is sent, received, and as what: for docstrings and `readonly`. */
function markUses(operation, types) {
  const visit = (name, flag, usage, path) => {
    const type = types.get(name);
    if (type === undefined) return;
    if (path.includes(name)) fail(operation.id, `${[...path, name].join(' → ')} is a cycle`);
    if (!type.usedIn.includes(usage)) type.usedIn.push(usage);
    type[flag] = true;
    for (const [key, field] of type.fields) {
      visit(field.type, flag, `\`${key}\` of \`${name}\``, [...path, name]);
    }
  };
  for (const param of [...operation.pathParams, ...operation.queryParams]) {
    visit(param.type, 'isInput', `\`${param.name}\` of \`${operation.id}\``, []);
  }
  if (operation.body) visit(operation.body, 'isInput', `Body of \`${operation.id}\``, []);
  if (operation.result) visit(operation.result, 'isOutput', `Answer of \`${operation.id}\``, []);
}

/** Paths of the encrypted fields below a type; `[]` steps into the elements of an array. */
export function encryptedPaths(types, name) {
  if (name === null) return [];
  return types.get(name).fields.flatMap(([key, field]) => {
    const step = field.array === true ? `${key}.[]` : key;
    if (field.encrypted === true) return [step];
    if (!types.has(field.type)) return [];
    return encryptedPaths(types, field.type).map((rest) => `${step}.${rest}`);
  });
}
