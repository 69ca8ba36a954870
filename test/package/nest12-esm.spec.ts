import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstLineOfCommand, install, lastLine, root, type Installed } from './install.js';
import { publicSurface } from './public-surface.js';
import { followQuickStart } from './quick-start.js';
import { story } from './story.js';

describe('the packed packages in a Nest 12 ES module application', () => {
  let app: Installed;

  beforeAll(async () => {
    app = await install('nest12-esm', join(root, 'test/package/fixtures/nest12-esm'));
  });
  afterAll(() => app?.remove());

  it('compile, start, take a payment and receive its notification', async () => {
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

  it('have declarations without an error of their own', async () => {
    const printed = await app
      .tsc(['-p', 'tsconfig.json', '--skipLibCheck', 'false', '--noEmit', '--pretty', 'false'])
      .catch((error: Error) => error.message);
    const ours = printed
      .split('\n')
      .filter((line) => /nestjs-wechatpay(?:-emulator)?\/dist/.test(line));
    expect(ours).toEqual([]);
  });

  it('are one copy each, whether imported or required first', async () => {
    const importFirst = JSON.parse(await app.node(['copies.mjs'])) as unknown;
    expect(importFirst).toEqual({ 'nestjs-wechatpay': [], 'nestjs-wechatpay-emulator': [] });
    expect(JSON.parse(await app.node(['copies.cjs']))).toEqual(publicSurface);
  });
});
