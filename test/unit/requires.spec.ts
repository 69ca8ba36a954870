import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chromiumPath, hasBenchPeers } from '../support/requires.js';

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

describe('hasBenchPeers', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nestjs-wechatpay-bench-'));
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package-lock.json'), '{}');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is false when an installation is missing or was not finished', () => {
    expect(hasBenchPeers(join(folder, 'nowhere'))).toBe(false);
    expect(hasBenchPeers(folder)).toBe(false);
  });

  it('is true for what is installed, until the lock file changes', () => {
    writeFileSync(join(folder, 'node_modules', '.package-lock.json'), '{}');
    expect(hasBenchPeers(folder)).toBe(true);
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(folder, 'package-lock.json'), later, later);
    expect(hasBenchPeers(folder)).toBe(false);
  });
});
