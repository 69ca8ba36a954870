import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { publicKeyEntry } from '../../lib/certificates/index.js';
import { emulatorPublicKeyProblems } from '../../lib/context/emulator-keys.js';
import { MerchantRegistry, type MerchantContext } from '../../lib/context/index.js';

const merchant = (name: string): MerchantContext => ({ name }) as MerchantContext;

describe('the registry of merchants', () => {
  it('says that there is none', () => {
    const registry = new MerchantRegistry();
    expect(() => registry.get()).toThrow(/there is none|\(none\)/);
    expect(() => registry.get('shop-a')).toThrow(/there is none/);
    expect(registry.all).toEqual([]);
  });

  it('takes the only merchant, whatever its name, when none is named', () => {
    const registry = new MerchantRegistry();
    registry.add(merchant('shop-a'));
    expect(registry.get().name).toBe('shop-a');
    expect(registry.get('shop-a').name).toBe('shop-a');
  });

  it('takes the default of several, and refuses to guess without one', () => {
    const registry = new MerchantRegistry();
    registry.add(merchant('shop-a'));
    registry.add(merchant('shop-b'));
    expect(() => registry.get()).toThrow(
      expect.objectContaining({
        code: 'MERCHANT_UNKNOWN',
        message: expect.stringContaining('"shop-a", "shop-b"'),
      }),
    );
    registry.add(merchant('default'));
    expect(registry.get().name).toBe('default');
  });

  it('holds a name once', () => {
    const registry = new MerchantRegistry();
    registry.add(merchant('shop-a'));
    expect(() => registry.add(merchant('shop-a'))).toThrow(/Two merchants/);
  });
});

describe('public keys in production', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

  it('must not be one of the emulator', () => {
    const [problem] = emulatorPublicKeyProblems([
      publicKeyEntry('PUB_KEY_ID_0E3A11A7000000000000000000000001', publicKey),
    ]);
    expect(problem).toContain('must not be used in production');
  });

  it('may be any other', () => {
    const others = [publicKeyEntry('PUB_KEY_ID_01', publicKey)];
    expect(emulatorPublicKeyProblems(others)).toEqual([]);
    expect(emulatorPublicKeyProblems([])).toEqual([]);
  });
});
