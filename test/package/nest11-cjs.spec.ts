import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstLineOfCommand, install, lastLine, root, type Installed } from './install.js';
import { publicSurface } from './public-surface.js';
import { followQuickStart } from './quick-start.js';
import { story } from './story.js';

describe('the packed packages in a Nest 11 CommonJS application', () => {
  let app: Installed;

  beforeAll(async () => {
    app = await install('nest11-cjs', join(root, 'test/nest11'));
  });
  afterAll(() => app?.remove());

  it('type-check for node16 and for resolvers that know no exports', async () => {
    await app.tsc(['-p', 'tsconfig.json', '--noEmit']);
    const old = ['--module', 'commonjs', '--moduleResolution', 'node10'];
    await app.tsc(['-p', 'tsconfig.json', '--noEmit', ...old, '--ignoreDeprecations', '6.0']);
  });

  it('take a payment in plain Node', async () => {
    await app.tsc(['-p', 'tsconfig.json']);
    const printed = await app.node(['dist/main.js', join(app.folder, 'keys')]);
    expect(lastLine(printed)).toEqual(story);
  });

  it('take the payment of the quick start, as README.md says it', async () => {
    const { order, log } = await followQuickStart(app);
    expect(order).toEqual({ total: 1200, state: 'SUCCESS' });
    expect(log).not.toMatch(/ERROR|WARN/);
  });

  it('put the emulator on the command line', async () => {
    const line = await firstLineOfCommand(app, join(app.folder, 'keys'));
    expect(line).toMatchObject({ url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
  });

  it("take a payment under the application's Jest, without flags", async () => {
    const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
    const env = { REPOSITORY: root, EMULATOR_KEYS: join(app.folder, 'keys') };
    await app.node([jest, '--config', 'jest.config.cjs', '--runInBand'], env);
  });

  it('are one copy each in plain Node, whether imported or required first', async () => {
    const importFirst = JSON.parse(await app.node(['copies.mjs'])) as unknown;
    expect(importFirst).toEqual({ 'nestjs-wechatpay': [], 'nestjs-wechatpay-emulator': [] });
    expect(JSON.parse(await app.node(['copies.cjs']))).toEqual(publicSurface);
  });
});
