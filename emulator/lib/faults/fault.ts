/**
 * What can go wrong on demand.
 *
 * Before the operation runs: `status-500`, `status-429`, `html-502`, `drop`. After it has run, on
 * the answer: all others. On notifications: `signtest`, `stale-timestamp`, `wrong-serial`,
 * `bad-signature`, `unsigned`, `delay`, `drop`, `duplicate`.
 *
 * @publicApi
 */
export type EmulatorFaultKind = (typeof faultKinds)[number];

/** Kinds that keep the operation from running. @internal */
export const gatewayKinds = ['status-500', 'status-429', 'html-502', 'drop'] as const;

/** Kinds that spoil a signature. @internal */
export const signatureKinds = [
  'signtest',
  'stale-timestamp',
  'wrong-serial',
  'bad-signature',
  'unsigned',
] as const;

/** Kinds that a notification can suffer. @internal */
export const notificationKinds: readonly string[] = [
  ...signatureKinds,
  'delay',
  'drop',
  'duplicate',
];

/** All kinds. @internal */
export const faultKinds = [
  ...signatureKinds,
  ...gatewayKinds,
  'drop-after-commit',
  'delay',
  'duplicate',
  'truncated-body',
  'large-body',
  'html-200',
  'redirect',
  'respond',
] as const;

/** A fault to come. @publicApi */
export interface EmulatorFault {
  /**
   * Which requests: `*`, a part of the path, or a method and the beginning of a path
   * (`POST /v3/pay/`). `notification` or `notification REFUND.SUCCESS` hits notifications.
   * @default '*'
   */
  readonly match?: string;
  readonly kind: EmulatorFaultKind;
  /** How often, 1 to 1 000 000. @default 1 */
  readonly times?: number;
  /** For `delay`: milliseconds of real time, at most 600 000. @default 1000 */
  readonly delayMs?: number;
  /** For `large-body`: bytes, at most 64 MiB. @default 10 MiB */
  readonly bytes?: number;
  /** For `redirect`. @default 'http://127.0.0.1:9/elsewhere' */
  readonly location?: string;
  /** For `respond`: the status. @default 200 */
  readonly status?: number;
  /** For `respond`: the exact body. @default '' */
  readonly body?: string;
  /** For `respond`: its `Content-Type`. @default 'application/json' */
  readonly contentType?: string;
  /** For `respond`: whether it carries a good signature. @default true */
  readonly signed?: boolean;
  /** For `wrong-serial`: the serial to name. @default a random one */
  readonly serial?: string;
}
