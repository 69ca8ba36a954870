import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SharedTransports } from '../../lib/context/index.js';
import { Transport, type TransportOptions } from '../../lib/transport/index.js';

describe('connections that merchants share', () => {
  afterEach(() => void jest.restoreAllMocks());

  const settings = (transport: TransportOptions = {}, presentsCertificate = false) => ({
    transport,
    presentsCertificate,
  });

  it('are the same for the same settings, and for nobody who shows a certificate', () => {
    const transports = new SharedTransports();
    const dispatcher = { dispatch: () => true };
    const taken = [
      settings(),
      settings({ minVersion: 'TLSv1.3' }),
      settings({ dispatcher }),
      settings({ dispatcher: { ...dispatcher } }),
    ].map((given) => [transports.take(given).transport, transports.take(given).transport]);
    for (const [one, other] of taken) expect(one).toBe(other);
    expect(new Set(taken.flat()).size).toBe(4);
    const own = [1, 2].map(() => transports.take(settings({}, true)).transport);
    expect(new Set([...own, ...taken.flat()]).size).toBe(6);
  });

  it('are let go with their last user, who counts once however often it says so', async () => {
    const retire = jest.spyOn(Transport.prototype, 'retire');
    const transports = new SharedTransports();
    const [a, b] = [transports.take(settings()), transports.take(settings())];
    a.release();
    a.release();
    expect(retire).not.toHaveBeenCalled();
    expect(transports.take(settings()).transport).toBe(b.transport);
    b.release();
    expect(retire).not.toHaveBeenCalled(); // the third has them still
  });

  it('are others after that, and nothing is kept of the ones before', async () => {
    const transports = new SharedTransports();
    const close = jest.spyOn(Transport.prototype, 'close');
    const first = transports.take(settings());
    first.release();
    await new Promise((resolve) => setImmediate(resolve));
    const second = transports.take(settings());
    expect(second.transport).not.toBe(first.transport);
    await transports.close();
    expect(close.mock.contexts).toEqual([second.transport]);
  });
});
