import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chromiumPath } from '../support/requires.js';

describe('chromiumPath', () => {
  const before = { ...process.env };

  beforeEach(() => {
    delete process.env['CHROME_PATH'];
  });
  afterEach(() => {
    process.env = { ...before };
  });

  it('takes CHROME_PATH first', () => {
    process.env['CHROME_PATH'] = process.execPath;
    expect(chromiumPath()).toBe(process.execPath);
  });

  it('does not fall back when CHROME_PATH names no program', () => {
    process.env['CHROME_PATH'] = '/nowhere/chrome';
    expect(chromiumPath()).toBeUndefined();
  });

  it('finds nothing on an empty PATH', () => {
    process.env['PATH'] = '';
    expect(chromiumPath()).toBeUndefined();
  });
});
