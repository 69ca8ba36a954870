import { WechatPayRequestError } from '../errors/index.js';

/**
 * A copy of `value` in which the text fields at `paths` are replaced; objects off the way are
 * shared with the original. Absent fields stay absent. Another shape than the paths say is refused:
 * a field that is not found where it should be would travel in the clear.
 *
 * @param paths field paths as in an operation: `payer.identity.name`, `receivers.[].name`
 * @throws {WechatPayRequestError} when such a field is not text, or not where the path says
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
    if (!Array.isArray(value))
      throw new WechatPayRequestError(`The field ${path} must be in a list`);
    return value.map((item: unknown) => mapAt(item, steps, depth + 1, map, path));
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new WechatPayRequestError(`The field ${path} must be in an object`);
  }
  if (!Object.hasOwn(value, step)) return value;
  const record = value as Record<string, unknown>;
  return { ...record, [step]: mapAt(record[step], steps, depth + 1, map, path) };
}
