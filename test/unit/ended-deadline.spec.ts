import { describe, expect, it, jest } from '@jest/globals';
import { Deadline, Transport } from '../../lib/transport/index.js';

describe('a call whose time is over before it is sent', () => {
  it('says why it ended, and sends nothing', async () => {
    const dispatch = jest.fn(() => true);
    const transport = new Transport({ dispatcher: { dispatch } });
    const deadline = new Deadline(1000, AbortSignal.abort());
    const request = {
      origin: 'http://127.0.0.1:9',
      method: 'POST',
      target: '/v3/refund/domestic/refunds',
      headers: [],
      attempt: 1,
      body: Buffer.from('{}'),
    };
    await expect(transport.send(request, deadline, 1000)).rejects.toMatchObject({
      code: 'ABORTED',
      wasSent: false,
    });
    expect(dispatch).not.toHaveBeenCalled();
    deadline.dispose();
    await transport.close();
  });
});
