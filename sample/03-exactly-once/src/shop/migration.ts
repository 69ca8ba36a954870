import { inboxMigration } from 'nestjs-wechatpay/postgres';

/** For your migration tool. Nothing in it keeps an order from being credited twice: the claim does. */
export const migration = `
  CREATE TABLE IF NOT EXISTS orders (
    out_trade_no text PRIMARY KEY,
    total_fen integer NOT NULL,
    state text NOT NULL DEFAULT 'OPEN'
  );
  CREATE TABLE IF NOT EXISTS credits (
    out_trade_no text NOT NULL REFERENCES orders,
    fen integer NOT NULL
  );
  ${inboxMigration()}
`;
