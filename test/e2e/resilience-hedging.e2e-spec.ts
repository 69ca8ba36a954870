import { afterEach, describe, expect, it } from '@jest/globals';
import { rejection } from '../support/merchant-context.js';
import type { Reply } from '../support/raw-platform.js';
import { broken, fine, inTurn, refusal, Resilient, silence } from '../support/resilient.js';

const after = (ms: number, body = '{"ok":true}'): Reply => ({
  ...fine(body),
  write: (response, headers) =>
    void setTimeout(() => !response.destroyed && response.writeHead(200, headers).end(body), ms),
});

describe('a read that is hedged', () => {
  let shop: Resilient;
  afterEach(() => shop.stop());

  it('is asked once when the answer comes in time', async () => {
    shop = await Resilient.start({ hedgeAfterMs: 1_000 }, [() => fine()]);
    await shop.context.http.get('/v3/x');
    expect(shop.primary.requests).toHaveLength(1);
  });

  it('has the first answer of two, and ends the other', async () => {
    let isClosed: Promise<void> | undefined;
    shop = await Resilient.start({ hedgeAfterMs: 150 }, [
      inTurn(
        () => ({
          write: (response) => {
            isClosed = new Promise((resolve) => response.on('close', resolve));
          },
        }),
        () => fine('{"n":2}'),
      ),
    ]);
    await expect(shop.context.http.get('/v3/x')).resolves.toMatchObject({ data: { n: 2 } });
    expect(shop.primary.requests).toHaveLength(2);
    await isClosed;
  });

  it('has the answer of the first attempt when that is quicker after all', async () => {
    shop = await Resilient.start({ hedgeAfterMs: 150 }, [
      inTurn(() => after(400, '{"n":1}'), silence),
    ]);
    await expect(shop.context.http.get('/v3/x')).resolves.toMatchObject({ data: { n: 1 } });
  });

  it('goes on when one of two fails, and to another when both do', async () => {
    shop = await Resilient.start({ hedgeAfterMs: 150 }, [
      inTurn(
        () => after(600),
        () => refusal(500),
      ),
    ]);
    await expect(shop.context.http.get('/v3/x')).resolves.toMatchObject({ data: { ok: true } });
    shop.primary.handler = inTurn(
      () => ({
        write: (response) => void setTimeout(() => response.socket?.resetAndDestroy(), 300),
      }),
      broken,
      () => fine('{"n":3}'),
    );
    await expect(shop.context.http.get('/v3/x')).resolves.toMatchObject({ data: { n: 3 } });
  });

  it('is asked no more often than it may be repeated', async () => {
    shop = await Resilient.start({ hedgeAfterMs: 50, timeoutMs: 900, attemptTimeoutMs: 10_000 }, [
      silence,
    ]);
    await expect(rejection(shop.context.http.get('/v3/x'))).resolves.toMatchObject({
      code: 'TIMEOUT',
    });
    expect(shop.primary.requests).toHaveLength(3);
  });

  it.each([
    [false, 1],
    [true, 2],
  ])('is a write too with hedgeWrites %s: %d', async (hedgeWrites, times) => {
    shop = await Resilient.start({ hedgeAfterMs: 150, hedgeWrites }, [
      inTurn(
        () => after(600),
        () => fine(),
      ),
    ]);
    const order = { description: 'x', out_trade_no: 'tea-0001', amount: { total: 1 } };
    await shop.context.client.payments.native.prepay(order as never);
    expect(shop.primary.requests).toHaveLength(times);
    shop.primary.handler = () => after(300);
    await shop.context.client.refunds.create({} as never);
    expect(shop.primary.requests).toHaveLength(times + 1); // refunds never are
  });
});
