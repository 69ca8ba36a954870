import { paramError } from '../platform/platform-error.js';
import { constraints, defaultList, defaultText, type Constraint } from './constraints.data.js';
import { shapes } from './shapes.data.js';

/** Opens an encrypted field; throws the platform's refusal when it cannot. @internal */
export type FieldOpener = (ciphertext: string, pointer: string) => string;

/** A JSON object from outside. @internal */
export type JsonObject = Readonly<Record<string, unknown>>;

const deepest = 16;

/**
 * Checks a body against its shape and returns a copy with the known fields only, encrypted ones
 * opened. Fields that the shape does not know are ignored, as the platform does.
 *
 * @throws {PlatformError} `PARAM_ERROR`, pointing at the first field that is wrong
 * @internal
 */
export function validateBody(shape: string, body: unknown, open: FieldOpener): JsonObject {
  refuseForeignValues(body, '', 0);
  return checkObject(shape, body, '', open);
}

/** No `null` anywhere, no characters beyond three bytes of UTF-8. */
function refuseForeignValues(value: unknown, pointer: string, depth: number): void {
  if (depth > deepest) throw paramError(pointer, '嵌套层级过深');
  if (value === null) throw paramError(pointer, '值不能为null，请不要传该字段');
  if (typeof value === 'string' && /[\ud800-\udfff]/.test(value)) {
    throw paramError(pointer, '仅支持1~3字节的UTF-8字符');
  }
  if (typeof value !== 'object') return;
  for (const [key, item] of Object.entries(value)) {
    refuseForeignValues(item, `${pointer}/${key}`, depth + 1);
  }
}

function checkObject(name: string, value: unknown, pointer: string, open: FieldOpener): JsonObject {
  const shape = shapes[name];
  if (shape === undefined || !('fields' in shape)) throw new TypeError(`no shape ${name}`);
  if (!isObject(value)) throw paramError(pointer || '/', '应为object类型');
  const checked: Record<string, unknown> = {};
  for (const [key, spelled] of Object.entries(shape.fields)) {
    const field = readField(spelled);
    const here = `${pointer}/${key}`;
    const given = Object.hasOwn(value, key) ? value[key] : undefined;
    if (given === undefined) {
      if (!field.optional) throw paramError(here, '必填字段缺失');
      continue;
    }
    const constraint = constraints[`${name}.${key}`] ?? constraints[key];
    checked[key] = checkField(field, given, here, constraint, open);
  }
  return checked;
}

interface Field {
  readonly type: string;
  readonly list: boolean;
  readonly optional: boolean;
  readonly format: string | undefined;
}

function readField(spelled: string): Field {
  const [, type = '', list, optional, format] =
    /^(\w+)(\[\])?(\?)?(?: ([\w-]+))?$/.exec(spelled) ?? [];
  return { type, list: list !== undefined, optional: optional !== undefined, format };
}

function checkField(
  field: Field,
  value: unknown,
  pointer: string,
  constraint: Constraint | undefined,
  open: FieldOpener,
): unknown {
  if (!field.list) return checkValue(field, value, pointer, constraint, open);
  if (!Array.isArray(value)) throw paramError(pointer, '应为array类型');
  checkRange(value.length, defaultList, pointer, '数组长度');
  return value.map((item, index) =>
    checkValue(field, item, `${pointer}/${index}`, constraint, open),
  );
}

function checkValue(
  { type, format }: Field,
  value: unknown,
  pointer: string,
  constraint: Constraint | undefined,
  open: FieldOpener,
): unknown {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw paramError(pointer, '应为string类型');
      if (format === 'encrypted') return open(value, pointer);
      if (format === 'date-time') checkTime(value, pointer);
      checkText(value, constraint ?? defaultText, pointer);
      return value;
    case 'integer':
      if (!Number.isSafeInteger(value)) throw paramError(pointer, '应为integer类型');
      checkRange(Number(value), constraint ?? {}, pointer, '取值');
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw paramError(pointer, '应为boolean类型');
      return value;
    default:
      return checkNamed(type, value, pointer, open);
  }
}

function checkNamed(name: string, value: unknown, pointer: string, open: FieldOpener): unknown {
  const shape = shapes[name];
  if (shape === undefined || !('values' in shape)) return checkObject(name, value, pointer, open);
  if (typeof value !== 'string') throw paramError(pointer, '应为string类型');
  if (!shape.values.includes(value)) {
    throw paramError(pointer, `取值不在枚举范围内: ${shape.values.join(', ')}`);
  }
  return value;
}

function checkText(value: string, { min, max, pattern }: Constraint, pointer: string): void {
  checkRange(
    value.length,
    { ...(min !== undefined && { min }), ...(max !== undefined && { max }) },
    pointer,
    '长度',
  );
  if (pattern !== undefined && !pattern.test(value)) throw paramError(pointer, '格式不正确');
}

function checkRange(value: number, { min, max }: Constraint, pointer: string, what: string): void {
  if (min !== undefined && value < min) throw paramError(pointer, `${what}不能小于${min}`);
  if (max !== undefined && value > max) throw paramError(pointer, `${what}不能大于${max}`);
}

/** RFC 3339 with an offset. */
function checkTime(value: string, pointer: string): void {
  const spelled = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(value);
  if (!spelled || Number.isNaN(Date.parse(value))) {
    throw paramError(pointer, '应为rfc3339格式，例如2018-06-08T10:34:56+08:00');
  }
}

/** An object that is no list. @internal */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
