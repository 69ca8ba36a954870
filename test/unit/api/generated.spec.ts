import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { platformCertificatesOperations } from '../../../lib/api/certificates/certificates.js';
import type { NativePrepayRequest, PaymentTradeState } from '../../../lib/api/index.js';
import type { Operation } from '../../../lib/api/operation.js';
import { partnerAppOperations } from '../../../lib/api/partner-payments/app.js';
import { partnerH5Operations } from '../../../lib/api/partner-payments/h5.js';
import { partnerJsapiOperations } from '../../../lib/api/partner-payments/jsapi.js';
import { partnerNativeOperations } from '../../../lib/api/partner-payments/native.js';
import { appOperations } from '../../../lib/api/payments/app.js';
import { h5Operations } from '../../../lib/api/payments/h5.js';
import { jsapiOperations } from '../../../lib/api/payments/jsapi.js';
import { nativeOperations } from '../../../lib/api/payments/native.js';
import { refundOperations } from '../../../lib/api/refund/refund.js';

type Described = Operation<unknown, unknown, unknown, unknown>;
type Decision = { by: string; in: string; repeat: string; query: string } | null;
interface SpecOperation {
  operation: string;
  http: { method: string; path: string };
  pathParams: { name: string }[];
  requestType: string | null;
}
interface SpecService {
  service: string;
  operations: SpecOperation[];
  types: Record<string, { fields?: Record<string, unknown> }>;
}

const prepays: Described[] = [
  jsapiOperations.prepay,
  appOperations.prepay,
  h5Operations.prepay,
  nativeOperations.prepay,
  partnerJsapiOperations.prepay,
  partnerAppOperations.prepay,
  partnerH5Operations.prepay,
  partnerNativeOperations.prepay,
];
const all: Described[] = [
  jsapiOperations,
  appOperations,
  h5Operations,
  nativeOperations,
  partnerJsapiOperations,
  partnerAppOperations,
  partnerH5Operations,
  partnerNativeOperations,
  refundOperations,
  platformCertificatesOperations,
].flatMap((operations) => Object.values<Described>(operations));

const specFolder = join('tools', 'spec');
const readJson = <T>(...path: string[]): T => JSON.parse(readFileSync(join(...path), 'utf8')) as T;
const services = readdirSync(specFolder)
  .filter((name) => name.endsWith('.json') && !/^(names|idempotency)\.json$/.test(name))
  .map((name) => readJson<SpecService>(specFolder, name));

function generate(...options: string[]) {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join('tools', 'generate.mjs'), ...options],
    { encoding: 'utf8' },
  );
  return { status, stderr };
}

describe('generated operations', () => {
  it('are what the data says now', () => {
    expect(generate('--check')).toEqual({ status: 0, stderr: '' });
  });

  it('describe every operation of the data, once', () => {
    const wanted = services.flatMap(({ service, operations }) =>
      operations.map(({ operation }) => `${service}.${operation}`),
    );
    expect(all.map(({ id }) => id).sort()).toEqual(wanted.sort());
  });

  it('name exactly the placeholders of their path as path parameters', () => {
    for (const { path, pathParams } of all) {
      const placeholders = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(pathParams).toEqual(placeholders);
    }
  });

  it('send a body with every write of this slice and none with a GET', () => {
    for (const { method, hasBody } of all) expect(hasBody).toBe(method !== 'GET');
  });

  it('encrypt the payer identity in every prepay', () => {
    for (const { encrypted } of prepays) {
      expect([...encrypted].sort()).toEqual(['payer.identity.name', 'payer.identity.number']);
    }
  });

  it('encrypt the bank account of an abnormal refund and nothing else', () => {
    const others = all.filter((operation) => !prepays.includes(operation));
    const encrypting = others.filter(({ encrypted }) => encrypted.length > 0);
    expect(encrypting).toEqual([refundOperations.applyAbnormalRefund]);
    expect(refundOperations.applyAbnormalRefund.encrypted).toEqual(['bank_account', 'real_name']);
  });

  it('have types that know the fields and leave the enums open', () => {
    const body: NativePrepayRequest = {
      appid: 'wxemulator00000001',
      mchid: '1900000001',
      description: 'tea',
      out_trade_no: 'order-1',
      notify_url: 'https://shop.example/notify',
      amount: { total: 1 },
      // @ts-expect-error the platform has no such field
      price: 1,
    };
    const added: PaymentTradeState = 'A_STATE_OF_TOMORROW';
    expect([body.out_trade_no, added]).toEqual(['order-1', 'A_STATE_OF_TOMORROW']);
  });
});

describe('generated files', () => {
  it('import nothing at run time', () => {
    const files = readdirSync(join('lib', 'api'), { recursive: true, encoding: 'utf8' });
    for (const name of files.filter((each) => each.endsWith('.ts'))) {
      const text = readFileSync(join('lib', 'api', name), 'utf8');
      const statements = text.match(/^(import|export .* from|export \{).*$/gm) ?? [];
      expect(statements.filter((each) => !/^(import|export) type /.test(each))).toEqual([]);
    }
  });
});

describe('idempotency.json', () => {
  const { operations: decisions } = readJson<{
    operations: Record<string, Record<string, Decision>>;
  }>(specFolder, 'idempotency.json');

  it('decides for every write, and for nothing else', () => {
    for (const { service, operations } of services) {
      const writes = operations.filter(({ http }) => http.method !== 'GET');
      const names = writes.map(({ operation }) => operation).sort();
      expect([service, Object.keys(decisions[service] ?? {}).sort()]).toEqual([service, names]);
    }
  });

  it('names fields that the operation has', () => {
    for (const { service, operations, types } of services) {
      for (const { operation, pathParams, requestType } of operations) {
        const decision = decisions[service]?.[operation];
        if (!decision) continue;
        const body = Object.keys(types[requestType ?? '']?.fields ?? {});
        const fields = decision.in === 'path' ? pathParams.map(({ name }) => name) : body;
        expect(fields).toContain(decision.by);
        const query = operations.find((each) => each.operation === decision.query);
        expect(query?.http.method).toBe('GET');
      }
    }
  });

  it('relies on the merchant number alone', () => {
    expect(decisions['payments.native']).toEqual({
      prepay: {
        by: 'out_trade_no',
        in: 'body',
        repeat: 'in-call',
        query: 'queryOrderByOutTradeNo',
      },
      closeOrder: {
        by: 'out_trade_no',
        in: 'path',
        repeat: 'in-call',
        query: 'queryOrderByOutTradeNo',
      },
    });
    expect(decisions['refund']?.['create']).toEqual({
      by: 'out_refund_no',
      in: 'body',
      repeat: 'later',
      query: 'queryByOutRefundNo',
    });
  });
});

describe('generator', () => {
  let folder = '';
  const file = (name: string) => join(folder, 'spec', name);
  const run = (...options: string[]) =>
    generate('--spec', join(folder, 'spec'), '--out', join(folder, 'out'), ...options);
  const edit = (name: string, from: string | RegExp, to: string) => {
    const text = readFileSync(file(name), 'utf8');
    const edited = typeof from === 'string' ? text.replace(from, () => to) : text.replace(from, to);
    expect(edited).not.toBe(text);
    writeFileSync(file(name), edited);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'generate-'));
    cpSync(specFolder, join(folder, 'spec'), { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('writes the same bytes as the committed files', () => {
    expect(run()).toEqual({ status: 0, stderr: '' });
    for (const name of ['index.ts', join('payments', 'native.ts')]) {
      const written = readFileSync(join(folder, 'out', name), 'utf8');
      const committed = readFileSync(join('lib', 'api', name), 'utf8').replaceAll('\r\n', '\n');
      expect(written).toBe(committed);
    }
  });

  it('reports a changed, a missing and a left-over file, and puts them right', () => {
    run();
    const native = join(folder, 'out', 'payments', 'native.ts');
    const left = join(folder, 'out', 'payments', 'gone.ts');
    writeFileSync(left, readFileSync(native, 'utf8'));
    writeFileSync(native, readFileSync(native, 'utf8').replace('code_url', 'url'));
    rmSync(join(folder, 'out', 'refund', 'refund.ts'));
    const { status, stderr } = run('--check');
    expect(status).toBe(1);
    for (const name of ['payments/native.ts', 'payments/gone.ts', 'refund/refund.ts']) {
      expect(stderr).toContain(name);
    }
    expect(run().status).toBe(0);
    expect(existsSync(left)).toBe(false);
    expect(run('--check').status).toBe(0);
  });

  it('leaves files written by hand alone', () => {
    run();
    const own = join(folder, 'out', 'operation.ts');
    writeFileSync(own, 'export {};\n');
    expect(run().status).toBe(0);
    expect(existsSync(own)).toBe(true);
  });

  it('steps into arrays on the way to an encrypted field', () => {
    edit(
      'payments.native.json',
      '"payer":{"type":"Payer",',
      '"payer":{"type":"Payer","array":true,',
    );
    expect(run().status).toBe(0);
    const text = readFileSync(join(folder, 'out', 'payments', 'native.ts'), 'utf8');
    expect(text).toContain("encrypted: ['payer.[].identity.number', 'payer.[].identity.name']");
  });

  it('lets no text of the data end a docstring or a string', () => {
    edit('certificates.json', '"summary":"', '"summary":"*/ throw 1; /*');
    edit('certificates.json', '"SM2"', `"'; throw 1; '\\\\"`);
    expect(run().status).toBe(0);
    const text = readFileSync(join(folder, 'out', 'certificates', 'certificates.ts'), 'utf8');
    expect(text).toContain(' * *\\/ throw 1; /*Platform certificates');
    expect(text).toContain(`= '\\'; throw 1; \\'\\\\' | 'RSA'`);
  });

  it.each([
    ['a field __proto__', '"serial_no":', '"__proto__":', '"__proto__" is not an acceptable name'],
    [
      'a field constructor',
      '"serial_no":',
      '"constructor":',
      '"constructor" is not an acceptable name',
    ],
    ['a field that is code', '"serial_no":', '"a;b":', '"a;b" is not an acceptable name'],
    [
      'a type __proto__',
      '"types": {',
      '"types": { "__proto__": {"kind":"enum","values":["A"]},',
      '"__proto__" is not an acceptable name',
    ],
    [
      'a type that is missing',
      '"type":"EncryptCertificate"',
      '"type":"Nothing"',
      'type "Nothing" is unknown',
    ],
    [
      'an inherited type',
      '"type":"EncryptCertificate"',
      '"type":"toString"',
      'type "toString" is unknown',
    ],
    [
      'an operation __proto__',
      '"operation":"downloadCertificates"',
      '"operation":"__proto__"',
      '"__proto__" is not an acceptable name',
    ],
    [
      'an operation that is code',
      '"operation":"downloadCertificates"',
      '"operation":"a(){}"',
      '"a(){}" is not an acceptable name',
    ],
    [
      'a query parameter __proto__',
      '"name":"algorithm_type"',
      '"name":"__proto__"',
      '"__proto__" is not an acceptable name',
    ],
    ['a method', '"method":"GET"', '"method":"TRACE"', 'unknown method TRACE'],
    ['a path with a query', '/v3/certificates"', '/v3/certificates?a=b"', 'is no template'],
    [
      'a placeholder without a parameter',
      '/v3/certificates"',
      '/v3/certificates/{id}"',
      'path has {id}, parameters are {}',
    ],
    [
      'another host',
      '"path":"/v3/cert',
      '"host":"evil.example","path":"/v3/cert',
      'host evil.example is not supported',
    ],
    [
      'a stream',
      '"contentType":"json"',
      '"contentType":"stream"',
      'content type stream is not supported',
    ],
    [
      'an encrypted query parameter',
      '"name":"algorithm_type",',
      '"name":"a","encrypted":true,',
      'encrypted parameters are not supported',
    ],
    [
      'a missing encryption mark',
      '"encrypted":false',
      '"encrypted":true',
      '"encrypted" is true, the body has []',
    ],
    [
      'another service',
      '"service": "certificates"',
      '"service": "../../evil"',
      'holds the service "../../evil"',
    ],
    ['what is not JSON', '{', '', 'JSON'],
  ])('refuses %s and writes nothing', (_case, from, to, reason) => {
    edit('certificates.json', from, to);
    const { status, stderr } = run();
    expect(status).toBe(1);
    expect(stderr).toContain('certificates');
    expect(stderr).toContain(reason);
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  it('refuses a file that is not named after a service', () => {
    writeFileSync(file('__proto__.json'), '{}');
    expect(run()).toMatchObject({ status: 1, stderr: expect.stringContaining('__proto__') });
  });

  it('refuses a write without a decision, and a decision about a field that is not there', () => {
    const own = (): void => cpSync(join(specFolder, 'idempotency.json'), file('idempotency.json'));
    edit('idempotency.json', /("create": \{\s*"by": )"out_refund_no"/, '$1"nonce"');
    expect(run().stderr).toContain('refund.create: no field nonce in the body');
    own();
    edit('idempotency.json', /("create": [^}]*)"later"/, '$1"sometimes"');
    expect(run().stderr).toContain('refund.create: repeat: in-call or later');
    own();
    edit('idempotency.json', /("create": [^}]*)"queryByOutRefundNo"/, '$1"create"');
    expect(run().stderr).toContain('refund.create: no query create in this service');
    own();
    edit('idempotency.json', '"create":', '"created":');
    expect(run().stderr).toContain('refund.create: no decision');
  });

  it('refuses two types of one public name, and sharing types that differ', () => {
    edit('names.json', '"Account": "RefundFundsFromAccount",', '');
    expect(run().stderr).toContain('both become RefundAccount: rename one');
    cpSync(join(specFolder, 'names.json'), file('names.json'));
    edit('payments.native.json', '"payer_currency"', '"payers_currency"');
    expect(run().stderr).toContain('PaymentTransactionAmount cannot be shared');
  });

  it('refuses public names and files that are not names', () => {
    edit('names.json', '"RefundFundsFromAccount"', '"a; evil()"');
    expect(run().stderr).toContain('a; evil() is no type name');
    cpSync(join(specFolder, 'names.json'), file('names.json'));
    edit('names.json', '"PlatformCertificates"', '"a; evil()"');
    expect(run().stderr).toContain('a; evil() is no prefix');
    cpSync(join(specFolder, 'names.json'), file('names.json'));
    edit('names.json', '"shared/payment"', '"../../evil"');
    expect(run().stderr).toContain('../../evil is no file');
  });
});
