import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

/** Runs in the repository's root, as every script of ours does. */
const root = process.cwd();
const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');

interface Finding {
  readonly code: string;
  readonly filename: string;
  readonly message: string;
}

/** Lints a folder and gives what was found. The exit code is 1 when something was. */
function lint(folder: string): Promise<readonly Finding[]> {
  return new Promise((done, fail) => {
    const args = [oxlint, '--format=json', '--deny-warnings', '.'];
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 1e8 }, (_error, stdout, stderr) => {
      try {
        done((JSON.parse(stdout) as { diagnostics: Finding[] }).diagnostics);
      } catch {
        fail(
          new Error(`oxlint printed no report: ${stdout.slice(0, 500)} ${stderr.slice(0, 500)}`),
        );
      }
    });
  });
}

/** One tiny source file each: the import statement under test, and what the rule must say. */
const cases = {
  allowed: {
    'lib/crypto/a.ts': `export { e } from '../errors/e.js';`,
    'lib/transport/a.ts': `export { c } from '../crypto/c.js';`,
    'lib/transport/b.ts': `export { request } from 'undici';`,
    'lib/certificates/a.ts': `export { m } from '../merchant/m.js';`,
    'lib/events/a.ts': `export { e } from '../errors/e.js';`,
    'lib/diagnostics/a.ts': `export { e } from '../errors/e.js';`,
    'lib/http/d.ts': `export { d } from '../diagnostics/d.js';`,
    'lib/merchant/a.ts': `export { e } from '../events/e.js';`,
    'lib/http/a.ts': `export { k } from '../certificates/k.js';`,
    'lib/client/a.ts': `export { h } from '../http/h.js';`,
    'lib/client/b.ts': `export { a } from '../api/operation.js';`,
    'lib/client/c.ts': `export { Injectable } from '@nestjs/common';`,
    'lib/notification/a.ts': `export { k } from '../certificates/k.js';`,
    'lib/context/a.ts': `export { c } from '../client/c.js';`,
    'lib/context/merchants.service.ts': `export { Injectable } from '@nestjs/common';`,
    'lib/health/a.ts': `export { c } from '../context/c.js';`,
    'lib/stores/redis/a.ts': `export { k } from '../../certificates/index.js';`,
    'lib/stores/redis/b.ts': `export { i } from '../../notification/inbox.js';`,
    'lib/stores/bullmq/a.ts': `export type { Q } from '../../notification/queue.js';`,
    'lib/wechat-pay.module.ts': `export { h } from './health/h.js';`,
    'emulator/lib/a.ts': `import type { Operation } from 'nestjs-wechatpay';\nexport type A = Operation;`,
    'emulator/lib/b.ts': `import type { Operation } from '../../lib/api/operation.js';\nexport type B = Operation;`,
    'sample/01-x/src/a.ts': `export { WechatPayModule } from 'nestjs-wechatpay';`,
  },
  refused: {
    'lib/errors/x.ts': `export { c } from '../crypto/c.js';`,
    'lib/crypto/z.ts': `export { e } from '../events/e.js';`,
    'lib/diagnostics/x.ts': `export { t } from '../transport/t.js';`,
    'lib/transport/z.ts': `export { d } from '../diagnostics/d.js';`,
    'lib/transport/resilience/x.ts': `export { d } from '../../diagnostics/d.js';`,
    'lib/events/x.ts': `export { m } from '../merchant/m.js';`,
    'lib/events/y.ts': `export { Injectable } from '@nestjs/common';`,
    'lib/stores/redis/w.ts': `export { c } from '../../context/c.js';`,
    'lib/crypto/x.ts': `export { t } from '../transport/t.js';`,
    'lib/crypto/y.ts': `export { Injectable } from '@nestjs/common';`,
    'lib/transport/x.ts': `export { m } from '../merchant/m.js';`,
    'lib/transport/y.ts': `export { Logger } from '@nestjs/common';`,
    'lib/merchant/x.ts': `export { k } from '../certificates/k.js';`,
    'lib/merchant/y.ts': `export { Injectable } from '@nestjs/common';`,
    'lib/certificates/x.ts': `export { h } from '../http/h.js';`,
    'lib/certificates/y.ts': `export { request } from 'undici';`,
    'lib/http/x.ts': `export { a } from '../api/operation.js';`,
    'lib/http/y.ts': `export { Injectable } from '@nestjs/common';`,
    'lib/http/z.ts': `export { t } from '../wechat-pay.constants.js';`,
    'lib/api/x.ts': `export { c } from '../client/c.js';`,
    'lib/api/payments/x.ts': `export { c } from '../../context/c.js';`,
    'lib/client/x.ts': `export { c } from '../context/c.js';`,
    'lib/client/y.ts': `export { w } from '../index.js';`,
    'lib/notification/x.ts': `export { c } from '../client/c.js';`,
    'lib/notification/y.ts': `import type { C } from '../context/c.js';\nexport type Y = C;`,
    'lib/context/x.ts': `export { h } from '../health/h.js';`,
    'lib/context/y.ts': `export { Injectable } from '@nestjs/common';`,
    'lib/context/z.service.ts': `export { h } from '../health/h.js';`,
    'lib/health/x.ts': `export { m } from '../wechat-pay.module.js';`,
    'lib/stores/redis/x.ts': `export { h } from '../../http/h.js';`,
    'lib/stores/redis/y.ts': `export { g } from '../../notification/index.js';`,
    'lib/stores/redis/z.ts': `export { g } from '../../notification/wechat-pay-notify.guard.js';`,
    'lib/stores/bullmq/x.ts': `export { d } from '../../notification/queued-dispatch.js';`,
    'lib/wechat-pay.config.ts': `export { s } from './stores/redis/s.js';`,
    'lib/index.ts': `export { e } from 'nestjs-wechatpay-emulator';`,
    'lib/errors/console.ts': `console.log('x');\nexport {};`,
    'lib/errors/require.ts': `export const x: unknown = require('node:fs');`,
    'lib/errors/any.ts': `export const x = (y: any) => y;`,
    'lib/errors/dirname.ts': `export const x = __dirname;`,
    'lib/merchant/cycle-a.ts': `import { b } from './cycle-b.js';\nexport const a = () => b;`,
    'emulator/lib/x.ts': `export { sign } from '../../lib/crypto/sign.js';`,
    'emulator/lib/y.ts': `import type { Key } from '../../lib/crypto/key.js';\nexport type Y = Key;`,
    'emulator/lib/z.ts': `export { rfc3339 } from 'nestjs-wechatpay';`,
    'emulator/lib/deep/x.ts': `export { op } from '../../../lib/api/operation.js';`,
    'emulator/lib/deep/y.ts': `export * from '../../../lib/index.js';`,
    'sample/01-x/src/x.ts': `export { WechatPayModule } from '../../../lib/index.js';`,
  },
  helpers: {
    'lib/merchant/cycle-b.ts': `import { a } from './cycle-a.js';\nexport const b = () => a;`,
  },
};

/** The refused files that break another rule than the one about imports. */
const otherRules: Record<string, string | undefined> = {
  'lib/errors/console.ts': 'eslint(no-console)',
  'lib/errors/require.ts': 'eslint(no-restricted-globals)',
  'lib/errors/any.ts': 'typescript(no-explicit-any)',
  'lib/errors/dirname.ts': 'eslint(no-restricted-globals)',
  'lib/merchant/cycle-a.ts': 'import(no-cycle)',
};

describe('the lint rules for import directions', () => {
  let folder: string;
  let findings: readonly Finding[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wechatpay lint '));
    cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    cpSync(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'));
    for (const files of Object.values(cases)) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), `${text}\n`);
      }
    }
    findings = await lint(folder);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const about = (file: string) => findings.filter((finding) => finding.filename === file);

  it.each(Object.keys(cases.allowed))('let %s through', (file) => {
    expect(about(file)).toEqual([]);
  });

  it.each(Object.keys(cases.refused))('stop %s', (file) => {
    const rule = otherRules[file] ?? 'eslint(no-restricted-imports)';
    expect(about(file).map((finding) => finding.code)).toEqual([rule]);
  });

  it('are met by the repository', async () => {
    const found = await lint(root);
    expect(found.map((finding) => `${finding.filename}: ${finding.message}`)).toEqual([]);
  }, 60_000);
});
