import {
  WechatPayRequestError,
  WechatPayTransportError,
  type TransportErrorCode,
} from '../errors/index.js';

/** Where and when something failed. */
interface Attempt {
  readonly origin: string;
  /** Which attempt of the call this is, from 1. */
  readonly attempt: number;
}

/** Codes that say that what we asked for cannot be sent at all: undici's own and Node's. */
const BAD_ARGUMENTS: ReadonlySet<string | undefined> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'ERR_INVALID_CHAR',
  'ERR_HTTP_INVALID_HEADER_VALUE',
  'ERR_INVALID_HTTP_TOKEN',
  'ERR_UNESCAPED_CHARACTERS',
]);

/** What a code of TLS means, and what to do: the first that fits. Repeating a call helps none. */
const TLS_FAILURES: readonly (readonly [code: RegExp, meaning: string, remedy: string])[] = [
  [
    /^(?:UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE)|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|CERT_UNTRUSTED|INVALID_CA|INVALID_PURPOSE)/,
    'shows a TLS certificate that no trusted root has signed',
    'where a proxy re-signs, or for a server of your own, give its root as http.tls.ca',
  ],
  [
    /^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/,
    'shows a TLS certificate that is not valid now',
    'check the clock of this machine, the proxy and the roots in http.tls.ca',
  ],
  [
    /^(?:ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/,
    'shows a TLS certificate of another host',
    'check baseUrl, DNS and proxy',
  ],
  [
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|WRONG_VERSION_NUMBER|NO_PROTOCOLS_AVAILABLE/,
    'does not speak the version of TLS that is asked for',
    'TLS 1.2 is the least; check http.tls.minVersion, port and proxy',
  ],
  [
    /_ALERT_(?:.*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)/,
    'ended the TLS handshake',
    'if it asks for the merchant certificate (商户API证书), set http.tls.clientCertificate; if it got it, register that certificate there',
  ],
];

/** Says what went wrong in our terms; an error of ours learns whether the request had left. */
export function asTransportError(
  error: unknown,
  wasSent: boolean,
  { origin, attempt }: Attempt,
): WechatPayTransportError {
  const facts = { cause: error, wasSent, attempt, origin };
  if (error instanceof WechatPayTransportError) {
    const { cause, isRetryable } = error;
    return new WechatPayTransportError(error.code as TransportErrorCode, error.message, {
      ...facts,
      cause,
      isRetryable,
    });
  }
  const code = errorCode(error);
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new WechatPayTransportError('TIMEOUT', `${origin} did not answer in time`, {
      ...facts,
      isRetryable: true,
    });
  }
  if (code === 'UND_ERR_ABORTED' || (error instanceof Error && error.name === 'AbortError')) {
    return new WechatPayTransportError('ABORTED', 'The call was aborted by its caller', facts);
  }
  const failure = TLS_FAILURES.find(([codes]) => code !== undefined && codes.test(code));
  if (failure) {
    const [, meaning, remedy] = failure;
    return new WechatPayTransportError(
      'CONNECTION_FAILED',
      `${origin} ${meaning} (${code}): ${remedy}`,
      facts,
    );
  }
  return new WechatPayTransportError(
    'CONNECTION_FAILED',
    `The connection to ${origin} failed${code === undefined ? '' : ` (${code})`}: check DNS, firewall and proxy`,
    { ...facts, isRetryable: true },
  );
}

/** The error for a request that the HTTP client would not even begin; `undefined` for others. */
export function asArgumentError(error: unknown): WechatPayRequestError | undefined {
  const code = errorCode(error);
  if (!BAD_ARGUMENTS.has(code)) return undefined;
  return new WechatPayRequestError(
    `The HTTP client refuses the request (${code}), so nothing was sent: check path and headers of the call, and that an http.dispatcher of your own is one of undici 7`,
    { cause: error },
  );
}

function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
