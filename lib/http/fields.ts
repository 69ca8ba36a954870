import { WechatPayRequestError } from '../errors/index.js';

/**
 * A copy of `value` in which the text fields at `paths` are replaced; objects off the way are
 * shared with the original. Absent fields stay absent.
 *
 * @param paths field paths as in an operation: `payer.identity.name`, `receivers.[].name`
 * @throws {WechatPayRequestError} when such a field is not text
 */
export function mapFields<T>(
  value: T,
  paths: readonly string[],
  map: (text: string, path: string) => string,
): T {
  let result: unknown = value;
  for (const path of paths) result = mapAt(result, path.split('.'), 0, map, path);
  return result as T;
}

/** Whether any of the fields at `paths` is present. */
export function hasFields(value: unknown, paths: readonly string[]): boolean {
  return paths.some((path) => hasAt(value, path.split('.'), 0));
}

function mapAt(
  value: unknown,
  steps: readonly string[],
  depth: number,
  map: (text: string, path: string) => string,
  path: string,
): unknown {
  if (value === undefined || value === null) return value;
  const step = steps[depth];
  if (step === undefined) {
    if (typeof value === 'string') return map(value, path);
    throw new WechatPayRequestError(`The field ${path} must be text: it is encrypted`);
  }
  if (step === '[]') {
    return Array.isArray(value)
      ? value.map((item: unknown) => mapAt(item, steps, depth + 1, map, path))
      : value;
  }
  if (typeof value !== 'object' || !Object.hasOwn(value, step)) return value;
  const record = value as Record<string, unknown>;
  return { ...record, [step]: mapAt(record[step], steps, depth + 1, map, path) };
}

function hasAt(value: unknown, steps: readonly string[], depth: number): boolean {
  if (value === undefined || value === null) return false;
  const step = steps[depth];
  if (step === undefined) return true;
  if (step === '[]') {
    return Array.isArray(value) && value.some((item: unknown) => hasAt(item, steps, depth + 1));
  }
  return (
    typeof value === 'object' &&
    Object.hasOwn(value, step) &&
    hasAt((value as Record<string, unknown>)[step], steps, depth + 1)
  );
}
