import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Subscription } from 'rxjs';
import type { WechatPayHttpEvent } from 'nestjs-wechatpay';
import { attemptChannel, callChannel, isHeard, traced } from '../../lib/diagnostics/index.js';
import { WechatPayApiError, WechatPayRequestError } from '../../lib/errors/index.js';
import { httpEventsOf } from '../../lib/http/http-events.js';
import { rejection } from '../support/merchant-context.js';
import { fine, inTurn, refusal, Resilient } from '../support/resilient.js';
import { Secrets } from '../support/secrets.js';

const PATH = '/v3/pay/transactions/id/4200001';
/** Of every answer of the test platform. */
const REQUEST_ID = '08F0A1B2C3-0';
const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';

describe('httpEvents$', () => {
  let resilient: Resilient;
  let subscription: Subscription | undefined;
  let events: WechatPayHttpEvent[];

  const start = async (...replies: Parameters<typeof inTurn>): Promise<void> => {
    resilient = await Resilient.start({}, [inTurn(...replies)]);
    subscription = resilient.context.http.httpEvents$.subscribe((event) => events.push(event));
  };
  beforeEach(() => {
    events = [];
  });
  afterEach(async () => {
    subscription?.unsubscribe();
    await resilient.stop();
  });

  it('tells of each attempt, then of the call', async () => {
    await start(() => refusal(500), fine);
    await resilient.context.http.get(PATH);
    const shared = {
      merchant: 'test',
      mchid: resilient.context.mchid,
      operation: undefined,
      method: 'GET',
      route: PATH,
      durationMs: expect.any(Number),
    };
    const origin = resilient.primary.url;
    expect(events).toEqual([
      {
        ...shared,
        type: 'attempt',
        origin,
        number: 1,
        isHedge: false,
        status: 500,
        requestId: REQUEST_ID,
        error: expect.any(WechatPayApiError),
      },
      {
        ...shared,
        type: 'attempt',
        origin,
        number: 2,
        isHedge: false,
        status: 200,
        requestId: REQUEST_ID,
        error: undefined,
      },
      {
        ...shared,
        type: 'call',
        attempts: 2,
        status: 200,
        requestId: REQUEST_ID,
        error: undefined,
      },
    ]);
    const [first, second, call] = events.map(({ durationMs }) => durationMs);
    expect(call).toBeGreaterThanOrEqual((first ?? 0) + (second ?? 0));
    expect(first).toBeGreaterThan(0);
  });

  it('gives the error of a call that failed, as the caller gets it', async () => {
    await start(() => refusal(404));
    const error = await rejection(resilient.context.http.get(PATH));
    expect(events.map((event) => [event.type, event.error])).toEqual([
      ['attempt', error],
      ['call', error],
    ]);
  });

  it('names an operation by its template', async () => {
    await start(() => refusal(404));
    await rejection(resilient.context.client.payments.native.queryByOutTradeNo('order-0001'));
    expect(events.at(-1)).toMatchObject({
      operation: 'payments.native.queryOrderByOutTradeNo',
      route: '/v3/pay/transactions/out-trade-no/{out_trade_no}',
    });
  });

  it('listens only while somebody is subscribed, once for all of them', async () => {
    await start(fine);
    const { httpEvents$ } = resilient.context.http;
    const others: WechatPayHttpEvent[] = [];
    const other = httpEvents$.subscribe((event) => others.push(event));
    await resilient.context.http.get(PATH);
    expect(others).toEqual(events);
    expect(others[0]).toBe(events[0]);
    other.unsubscribe();
    expect(isHeard(callChannel) && isHeard(attemptChannel)).toBe(true);
    subscription?.unsubscribe();
    expect(isHeard(callChannel) || isHeard(attemptChannel)).toBe(false);
    const { length } = events;
    await resilient.context.http.get(PATH);
    expect(events).toHaveLength(length);
  });

  it('tells of its own merchant alone', async () => {
    await start(fine);
    const strange: WechatPayHttpEvent[] = [];
    const of = { merchant: 'test', mchid: '1900000077' };
    const other = httpEventsOf(of).subscribe((event) => strange.push(event));
    const named = httpEventsOf({ ...of, mchid: resilient.context.mchid, merchant: 'b' }).subscribe(
      (event) => strange.push(event),
    );
    await resilient.context.http.get(PATH);
    other.unsubscribe();
    named.unsubscribe();
    expect(strange).toEqual([]);
    expect(events).toHaveLength(2);
  });

  it('wraps what is no error of ours, and keeps nothing of its content', async () => {
    await start(fine);
    const { mchid } = resilient.context;
    const call = {
      ...{ merchant: 'test', mchid, operation: undefined, method: 'GET', route: PATH },
      ...{ attempts: 0, status: undefined, requestId: undefined },
    };
    const foreign = Object.assign(new TypeError(`${OPENID} is circular`), { body: OPENID });
    await rejection(traced(callChannel, call, () => Promise.reject(foreign)));
    const [event] = events;
    expect(event?.error).toMatchObject({ name: 'WechatPayError', code: 'REQUEST_INVALID' });
    new Secrets([OPENID]).expectNoneInError(event?.error);
    expect(event?.error).not.toBeInstanceOf(WechatPayRequestError);
  });

  it('holds no secret and no body', async () => {
    await start(fine, () => refusal(400));
    const body = { payer: { openid: OPENID } };
    await resilient.context.http.post('/v3/pay/transactions/jsapi', body);
    await rejection(
      resilient.context.http.get(`/v3/users/${OPENID}`, { query: { openid: OPENID } }),
    );
    expect(events).toHaveLength(4);
    for (const event of events) {
      new Secrets([OPENID]).expectNoneIn(JSON.stringify(event), event.type);
      if (event.error) new Secrets([OPENID]).expectNoneInError(event.error);
    }
  });
});
