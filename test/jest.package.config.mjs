import { swcTransform } from './swc.mjs';

/** The packed packages, installed where users install them. Needs `npm run build` first. */
export default {
  rootDir: '..',
  displayName: 'package',
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/package/*.spec.ts'],
  modulePathIgnorePatterns: [
    '<rootDir>/dist',
    '<rootDir>/emulator/dist',
    '<rootDir>/test/nest11',
    '<rootDir>/test/package/fixtures',
  ],
  transform: swcTransform('es6'),
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  globalSetup: '<rootDir>/test/package/setup.mjs',
  globalTeardown: '<rootDir>/test/package/teardown.mjs',
  testTimeout: 180000,
  maxWorkers: 2,
};
