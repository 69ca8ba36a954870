import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { version as emulatorVersion } from '../../emulator/lib/version.js';
import { VERSION } from '../../lib/version.js';

interface Manifest {
  readonly version: string;
  readonly engines: unknown;
  readonly license: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Manifest;

describe('the two manifests', () => {
  const [own, emulator] = [read('package.json'), read('emulator/package.json')];

  it('state the versions that the code states', () => {
    expect([VERSION, emulatorVersion]).toEqual([own.version, emulator.version]);
  });

  it('promise the same versions of Node and Nest', () => {
    expect(emulator.engines).toEqual(own.engines);
    const shared = Object.keys(emulator.peerDependencies).filter(
      (name) => name in own.peerDependencies,
    );
    expect(shared).toContain('@nestjs/core');
    for (const name of shared)
      expect(emulator.peerDependencies[name]).toBe(own.peerDependencies[name]);
  });
});

describe('the lock files', () => {
  const locks = [
    'package-lock.json',
    'test/nest11/package-lock.json',
    'test/package/fixtures/nest12-esm/package-lock.json',
  ];

  it.each(locks)('%s names no registry', (path) => {
    const addresses = readFileSync(path, 'utf8').match(/"resolved": "https?:[^"]*"/g);
    expect(addresses).toBeNull();
  });
});
