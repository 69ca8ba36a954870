import { Test, type TestingModule } from '@nestjs/testing';
import {
  WechatPayMerchants,
  WechatPayMerchantsModule,
  type WechatPayCredentialOptions,
  type WechatPayMerchantsOptions,
  type WechatPayOptions,
} from 'nestjs-wechatpay';
import { testOptions } from './merchant-context.js';
import { publicKeyOption } from './raw-platform.js';
import { RecordingLogger } from './recording-logger.js';
import { makeCertificate, rsaKey } from './x509.js';

/** What tests call merchants that come and go. */
export const [A, B, C, D] = ['1900000011', '1900000012', '1900000013', '1900000014'] as const;

/** Options of one of many merchants: one key pair, a certificate of its own, the public key verifies. */
export function crowdOptions(
  mchid: string,
  overrides: Partial<WechatPayOptions> & { readonly baseUrl: string },
): WechatPayOptions {
  const options = testOptions(overrides);
  const certificate = makeCertificate(rsaKey('merchant'), { commonName: mchid });
  return {
    platform: { certificates: false, publicKey: publicKeyOption('platform') },
    ...options,
    mchid,
    credential: {
      ...(options.credential as WechatPayCredentialOptions),
      certificate,
    },
    ...overrides,
  };
}

/** An application whose merchants come and go. */
export async function startCrowd(
  options: WechatPayMerchantsOptions,
): Promise<{ readonly app: TestingModule; readonly merchants: WechatPayMerchants }> {
  const app = await Test.createTestingModule({
    imports: [WechatPayMerchantsModule.forRoot(options)],
  })
    .setLogger(new RecordingLogger())
    .compile();
  await app.init();
  return { app, merchants: app.get(WechatPayMerchants) };
}
