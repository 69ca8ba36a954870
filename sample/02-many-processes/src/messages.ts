import type { KeyEvent } from 'nestjs-wechatpay';

/** What a shop tells the conductor of this demonstration. */
export type FromShop =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'paid'; readonly outTradeNo: string }
  | {
      readonly type: 'keys';
      readonly event: KeyEvent['type'];
      /** Of certificates that came in force with the event. */
      readonly serials: readonly string[];
      /** What went wrong: a code and words, never a secret. */
      readonly problem?: string | undefined;
    };

/** What the conductor tells a shop: the time to renew the platform's certificates has come. */
export interface ToShop {
  readonly type: 'renew';
}
