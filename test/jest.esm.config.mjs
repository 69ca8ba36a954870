import { sourcesWithCode } from './coverage.mjs';
import { sourceMapper, swcTransform } from './swc.mjs';

/** Nest 12, ES modules. Runs what the other leg runs, and what needs to run only once. */
export default {
  rootDir: '..',
  displayName: 'nest12-esm',
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: [
    '<rootDir>/test/{unit,e2e,contract,emulator,docs,sample,tools}/**/*.spec.ts',
    '<rootDir>/test/{e2e,emulator,sample}/**/*.e2e-spec.ts',
  ],
  modulePathIgnorePatterns: [
    '<rootDir>/dist',
    '<rootDir>/emulator/dist',
    '<rootDir>/test/nest11',
    '<rootDir>/test/package/fixtures',
  ],
  transform: swcTransform('es6'),
  moduleNameMapper: sourceMapper,
  testTimeout: 20000,
  maxWorkers: 2,
  // modules of every spec stay in a worker's memory: beyond this it spends its time collecting
  workerIdleMemoryLimit: '1GB',
  collectCoverageFrom: process.argv.includes('--coverage') ? sourcesWithCode() : [],
  coverageDirectory: 'coverage',
  coverageProvider: 'v8',
  coverageReporters: ['text-summary', 'lcovonly', 'json-summary'],
  coverageThreshold: {
    global: { statements: 95, branches: 95, functions: 95, lines: 95 },
    './lib/crypto/': { statements: 100, branches: 100, functions: 100, lines: 100 },
    './lib/notification/': { statements: 100, branches: 100, functions: 100, lines: 100 },
  },
};
