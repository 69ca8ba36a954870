import { execFileSync } from 'node:child_process';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import forge from 'node-forge';

const hint = 'needs openssl 3: apt-get install openssl';

function hasOpenssl(): boolean {
  try {
    return /^OpenSSL [3-9]/.test(execFileSync('openssl', ['version'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
}

/**
 * A `describe` that needs the `openssl` command of version 3, which knows `-legacy`. Skipped without
 * it, failing with `REQUIRE_ALL=1`, as in `requires.ts`.
 */
export function describeWithOpenssl(title: string, body: () => void): void {
  if (hasOpenssl()) {
    describe(title, () => {
      body();
    });
  } else if (process.env['REQUIRE_ALL'] === '1') {
    describe(`${title} [${hint}]`, () => {
      it('finds the program', () => {
        throw new Error(hint);
      });
    });
  } else {
    describe.skip(`${title} [${hint}]`, () => {
      body();
    });
  }
}

/** Makes a PKCS#12 file with `openssl pkcs12 -export`. */
export function opensslP12(
  content: { readonly key?: KeyObject; readonly certificates: readonly string[] },
  password: string,
  ...options: readonly string[]
): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'wechatpay-p12-'));
  try {
    const input = join(folder, 'in.pem');
    const output = join(folder, 'out.p12');
    const key = content.key?.export({ type: 'pkcs8', format: 'pem' }) ?? '';
    writeFileSync(input, `${String(key)}${content.certificates.join('')}`, { mode: 0o600 });
    const keyOption = content.key ? [] : ['-nokeys'];
    const passwordOption = ['-passout', `pass:${password}`];
    execFileSync(
      'openssl',
      [
        'pkcs12',
        '-export',
        '-in',
        input,
        '-out',
        output,
        ...keyOption,
        ...passwordOption,
        ...options,
      ],
      { stdio: 'pipe' },
    );
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Makes a 3DES file with node-forge, as old tools did. */
export function forgeP12(
  key: KeyObject,
  certificate: string,
  password: string,
  options: { readonly count?: number; readonly algorithm?: '3des' | 'aes256' } = {},
): Buffer {
  const pem = createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })).export({
    type: 'pkcs1',
    format: 'pem',
  });
  const asn1 = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(String(pem)),
    forge.pki.certificateFromPem(certificate),
    password,
    { algorithm: '3des', ...options },
  );
  return Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1');
}
