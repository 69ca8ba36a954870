/** The error body of the platform. @internal */
export interface PlatformErrorBody {
  readonly code: string;
  readonly message: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * A refusal, as it goes over the wire.
 *
 * @see WeChat Pay APIv3 docs: 基本规则, 错误信息, HTTP状态码
 * @internal
 */
export class PlatformError extends Error {
  override readonly name = 'PlatformError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly detail?: Readonly<Record<string, unknown>>,
  ) {
    super(message);
  }

  get body(): PlatformErrorBody {
    const { code, message, detail } = this;
    return detail === undefined ? { code, message } : { code, message, detail };
  }
}

/** Where a parameter was. @internal */
export type ParameterPlace = 'body' | 'url' | 'query';

/** 400 `PARAM_ERROR` that points at one parameter; `field` is a JSON pointer in the body. @internal */
export function paramError(
  field: string,
  issue: string,
  location: ParameterPlace = 'body',
  value?: unknown,
): PlatformError {
  const detail = { location, field, ...(value === undefined ? {} : { value }), issue };
  return new PlatformError(400, 'PARAM_ERROR', `参数错误: ${field} ${issue}`, detail);
}

/** 404 or 405 with nothing in it: the gateway knows no such path or method. @internal */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';

  constructor(
    readonly status: number,
    readonly close = false,
  ) {
    super(`gateway ${status}`);
  }
}
