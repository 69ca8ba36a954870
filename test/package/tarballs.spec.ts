import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { root, run } from './install.js';

describe('the tarballs', () => {
  it('hold what users need, and their types resolve everywhere', async () => {
    const printed = await run(process.execPath, [join('tools', 'check-package.mjs')], root);
    expect(printed).toContain('packages: all clean');
  });
});
