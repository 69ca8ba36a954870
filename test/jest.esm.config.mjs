import { sourceMapper, swcTransform } from './swc.mjs';

/** Nest 12, ES modules. */
export default {
  rootDir: '..',
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/{unit,e2e,contract,emulator,docs,sample,package}/**/*.spec.ts', '<rootDir>/test/{e2e,emulator,sample,package}/**/*.e2e-spec.ts'],
  modulePathIgnorePatterns: ['<rootDir>/test/nest11', '<rootDir>/dist', '<rootDir>/emulator/dist'],
  transform: swcTransform('es6'),
  moduleNameMapper: sourceMapper,
  testTimeout: 20000,
};
