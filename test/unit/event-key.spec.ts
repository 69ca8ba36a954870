import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventKey, kindOf, type EventFacts } from '../../lib/notification/event-key.js';

const event = (
  eventType: string,
  payload: Record<string, unknown>,
  facts: Partial<EventFacts> = {},
): EventFacts => ({
  id: 'n-1',
  eventType,
  originalType: undefined,
  mchid: '1900000001',
  payload,
  ...facts,
});

describe('the key of an event', () => {
  it.each([
    [
      'a payment',
      event('TRANSACTION.SUCCESS', { out_trade_no: 'A-1' }),
      'TRANSACTION.SUCCESS:1900000001::A-1',
    ],
    [
      'a payment of a sub-merchant',
      event('TRANSACTION.SUCCESS', { sub_mchid: '1900000109', out_trade_no: 'A-1' }),
      'TRANSACTION.SUCCESS:1900000001:1900000109:A-1',
    ],
    [
      'a combined payment',
      event('TRANSACTION.SUCCESS', { combine_out_trade_no: 'C-1' }),
      'TRANSACTION.SUCCESS:1900000001:C-1',
    ],
    [
      'a refund',
      event('REFUND.SUCCESS', { out_trade_no: 'A-1', out_refund_no: 'R-1' }),
      'REFUND.SUCCESS:1900000001::R-1',
    ],
    [
      'a refund that ended otherwise',
      event('REFUND.CLOSED', { out_trade_no: 'A-1', out_refund_no: 'R-1' }),
      'REFUND.CLOSED:1900000001::R-1',
    ],
    [
      'a share of a payment, of which there are several',
      event(
        'TRANSACTION.SUCCESS',
        { out_order_no: 'P-1', out_trade_no: 'A-1' },
        { originalType: 'profitsharing' },
      ),
      '/id',
    ],
    [
      'a complaint, which changes often',
      event('COMPLAINT.STATE_CHANGE', { complaint_id: '1' }),
      '/id',
    ],
    ['a contract', event('ENTRUST.SIGN', { contract_id: '1' }), '/id'],
    ['what nobody knows yet', event('NEW.EVENT', { out_trade_no: 'A-1' }), '/id'],
    ['a payment without its number', event('TRANSACTION.SUCCESS', {}), '/id'],
    ['a payment whose number is none', event('TRANSACTION.SUCCESS', { out_trade_no: 1 }), '/id'],
  ])('of %s', (_, facts, expected) => {
    const key = eventKey(facts);
    if (expected !== '/id') expect(key).toBe(expected);
    else {
      expect(key).toContain(':id:n-1');
      expect(eventKey({ ...facts, id: 'n-2' })).not.toBe(key);
    }
    expect(eventKey({ ...facts, mchid: '1900000002' })).not.toBe(key);
  });

  it('is short, printable and another one for other facts, whatever they are', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('a', ':', '#'),
    );
    fc.assert(
      fc.property(text, text, text, text, (a, b, c, d) => {
        const one = eventKey(event('TRANSACTION.SUCCESS', { sub_mchid: a, out_trade_no: b }));
        const other = eventKey(event('TRANSACTION.SUCCESS', { sub_mchid: c, out_trade_no: d }));
        expect(one).toMatch(/^[\x21-\x7e]{1,600}$/);
        expect(one === other).toBe(a === c && b === d);
      }),
    );
  });

  it('is not changed by names that every object has', () => {
    expect(eventKey(event('constructor', {}))).toContain(':id:');
    expect(eventKey(event('__proto__', { out_trade_no: 'A-1' }))).toContain(':id:');
  });
});

describe('the kind of an event', () => {
  it('has its original type only where that tells payloads apart', () => {
    expect(kindOf('TRANSACTION.SUCCESS', 'transaction')).toBe('TRANSACTION.SUCCESS');
    expect(kindOf('TRANSACTION.SUCCESS', undefined)).toBe('TRANSACTION.SUCCESS');
    expect(kindOf('TRANSACTION.SUCCESS', 'profitsharing')).toBe(
      'TRANSACTION.SUCCESS/profitsharing',
    );
    expect(kindOf('REFUND.SUCCESS', 'profitsharing')).toBe('REFUND.SUCCESS');
  });
});
