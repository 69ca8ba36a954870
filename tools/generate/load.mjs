// Reads tools/spec and refuses whatever does not look like the catalogue: names end up in source code.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const serviceName = /^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*$/;
const operationName = /^[a-z][A-Za-z0-9]*$/;
export const typeName = /^[A-Z][A-Za-z0-9]*$/;
const fieldName = /^[a-z][a-z0-9_]*$/;
const pathTemplate = /^(\/([a-z0-9_-]+|\{[a-z][a-z0-9_]*\}))+\/?$/;
const host = 'api.mch.weixin.qq.com';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const scalars = ['string', 'integer', 'number', 'boolean', 'object'];
const formats = [undefined, 'date-time', 'date', 'json'];
const reviewedFiles = ['names.json', 'idempotency.json'];
/** Own properties by these names would be read from, or written to, every object. */
const inherited = new Set(Object.getOwnPropertyNames(Object.prototype).concat('prototype'));

export function fail(where, problem) {
  throw new Error(`${where}: ${problem}`);
}

function check(condition, where, problem) {
  if (!condition) fail(where, problem);
}

function checkName(name, pattern, where) {
  const isName = typeof name === 'string' && pattern.test(name) && !inherited.has(name);
  check(isName, where, `${JSON.stringify(name)} is not an acceptable name`);
}

/** Whether a file of tools/spec holds a service, rather than a reviewed decision or prose. */
export function isServiceFile(name) {
  if (!name.endsWith('.json') || reviewedFiles.includes(name)) return false;
  const service = name.slice(0, -'.json'.length);
  return serviceName.test(service) && service.split('.').every((part) => !inherited.has(part));
}

export const isEnum = (types, name) => Object.hasOwn(types, name) && types[name].kind === 'enum';

/** Data for what the HTTP service cannot do yet must not turn into calls that do it wrong. */
function checkSupported(operation, where) {
  const { contentType, authScheme, http, pathParams, queryParams } = operation;
  check(contentType === 'json', where, `content type ${contentType} is not supported yet`);
  check(authScheme === undefined, where, `scheme ${authScheme} is not supported yet`);
  check([undefined, host].includes(http.host), where, `host ${http.host} is not supported yet`);
  for (const param of [...pathParams, ...queryParams]) {
    const name = `parameter ${param.name}`;
    check(param.encrypted !== true, where, `${name}: encrypted parameters are not supported yet`);
    check(param.array !== true, where, `${name}: repeated parameters are not supported yet`);
  }
}

function checkOperation(operation, service, types) {
  checkName(operation.operation, operationName, service);
  const where = `${service}.${operation.operation}`;
  const { http, pathParams, queryParams, requestType, responseType } = operation;
  check(operation.service === service, where, `belongs to ${operation.service}`);
  check(methods.includes(http.method), where, `unknown method ${http.method}`);
  check(pathTemplate.test(http.path), where, `path ${JSON.stringify(http.path)} is no template`);
  checkSupported(operation, where);

  const placeholders = [...http.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const names = pathParams.map((param) => param.name);
  const isSame = placeholders.join() === names.join() && new Set(names).size === names.length;
  check(isSame, where, `path has {${placeholders}}, parameters are {${names}}`);
  for (const param of [...pathParams, ...queryParams]) {
    checkName(param.name, fieldName, where);
    const isScalar = scalars.includes(param.type) && param.type !== 'object';
    check(isScalar || isEnum(types, param.type), where, `${param.name}: type ${param.type}`);
  }
  for (const type of [requestType, responseType]) {
    if (type === null) continue;
    const isObject = Object.hasOwn(types, type) && types[type].kind === 'object';
    check(isObject, where, `${type} is not an object type of ${service}`);
  }
}

function checkType(name, type, where, types) {
  checkName(name, typeName, where);
  if (type.kind === 'enum') {
    const areStrings = type.values.length > 0 && type.values.every((v) => typeof v === 'string');
    check(areStrings, `${where}.${name}`, 'an enum needs string values');
    return;
  }
  check(type.kind === 'object', `${where}.${name}`, `unknown kind ${type.kind}`);
  for (const [key, field] of Object.entries(type.fields)) {
    checkName(key, fieldName, `${where}.${name}`);
    const here = `${where}.${name}.${key}`;
    const isKnown = scalars.includes(field.type) || Object.hasOwn(types, field.type);
    check(isKnown, here, `type ${JSON.stringify(field.type)} is unknown or not supported yet`);
    check(formats.includes(field.format), here, `unknown format ${field.format}`);
    const isText = field.encrypted !== true || field.type === 'string';
    check(isText, here, 'only a string can travel encrypted');
    const codes = field.enum ?? [];
    check(codes.every(Number.isSafeInteger), here, 'inline enums are lists of integers');
    const { maxLength = 1 } = field;
    check(Number.isSafeInteger(maxLength), here, `maximum length ${maxLength}`);
  }
}

/** Every write has an answer to "may it be repeated, and what makes it the same request?". */
function checkIdempotency(service, decisions) {
  const writes = service.operations.filter((operation) => operation.http.method !== 'GET');
  for (const operation of writes) {
    const where = `idempotency.json: ${service.service}.${operation.operation}`;
    check(Object.hasOwn(decisions, operation.operation), where, 'no decision');
    const decision = decisions[operation.operation];
    if (decision === null) continue;
    const fields =
      decision.in === 'path'
        ? operation.pathParams.map((param) => param.name)
        : Object.keys(service.types[operation.requestType]?.fields ?? {});
    const isThere = ['path', 'body'].includes(decision.in) && fields.includes(decision.by);
    check(isThere, where, `no field ${decision.by} in the ${decision.in}`);
    check(['in-call', 'later'].includes(decision.repeat), where, 'repeat: in-call or later');
    const query = service.operations.find((each) => each.operation === decision.query);
    check(query?.http.method === 'GET', where, `no query ${decision.query} in this service`);
  }
  for (const name of Object.keys(decisions)) {
    const isWrite = writes.some((operation) => operation.operation === name);
    check(isWrite, `idempotency.json: ${service.service}.${name}`, 'is not a write');
  }
}

function readJson(file, fallback) {
  if (fallback !== undefined && !existsSync(file)) return fallback;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return fail(file, error.message);
  }
}

function readService(folder, file, decisions) {
  const service = readJson(join(folder, file));
  const { service: name, operations, types } = service;
  check(`${name}.json` === file, file, `holds the service ${JSON.stringify(name)}`);
  check(Array.isArray(operations) && operations.length > 0, file, 'has no operations');
  for (const [key, type] of Object.entries(types)) checkType(key, type, name, types);
  for (const operation of operations) checkOperation(operation, name, types);
  const names = new Set(operations.map((operation) => operation.operation));
  check(names.size === operations.length, file, 'two operations have one name');
  checkIdempotency(service, Object.hasOwn(decisions, name) ? decisions[name] : {});
  return { ...service, decisions: decisions[name] ?? {} };
}

/** The checked services, sorted by name, and the reviewed public names. */
export function loadSpec(folder) {
  const { operations: decisions } = readJson(join(folder, 'idempotency.json'), { operations: {} });
  const names = readJson(join(folder, 'names.json'), {});
  const files = readdirSync(folder).filter(
    (f) => f.endsWith('.json') && !reviewedFiles.includes(f),
  );
  for (const file of files) check(isServiceFile(file), file, 'is not named after a service');
  const services = files.sort().map((file) => readService(folder, file, decisions));
  const present = new Set(services.map((service) => service.service));
  const named = [...Object.keys(names.services ?? {}), ...Object.keys(decisions)];
  for (const name of named) check(present.has(name), 'tools/spec', `no service ${name}`);
  return { services, names: { services: {}, shared: [], ...names } };
}
