import { sourceMapper, swcTransform } from './swc.mjs';

const nest11 = '<rootDir>/test/nest11/node_modules';

/** Nest 11, CommonJS, no flags. Its packages come from an install tree of their own (test/nest11). */
export default {
  rootDir: '..',
  displayName: 'nest11-cjs',
  testEnvironment: 'node',
  testMatch: [
    '<rootDir>/test/{unit,e2e,contract,emulator}/**/*.spec.ts',
    '<rootDir>/test/{e2e,emulator}/**/*.e2e-spec.ts',
  ],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/emulator/dist', '<rootDir>/test/package'],
  transform: swcTransform('commonjs'),
  moduleNameMapper: {
    ...sourceMapper,
    '^(@nestjs/[^/]+|rxjs|reflect-metadata)$': `${nest11}/$1`,
    '^(@nestjs/[^/]+|rxjs|reflect-metadata)/(.*)$': `${nest11}/$1/$2`,
  },
  testTimeout: 20000,
  maxWorkers: 2,
  // modules of every spec stay in a worker's memory: beyond this it spends its time collecting
  workerIdleMemoryLimit: '1GB',
};
