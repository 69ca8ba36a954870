/** swc options shared by both legs: legacy decorators with metadata, as Nest needs them. */
export function swcTransform(kind) {
  return {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        sourceMaps: 'inline',
        module: { type: kind },
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
      },
    ],
  };
}

/** Source files import each other with `.js`; our package names resolve to the sources. */
export const sourceMapper = {
  '^(\\.{1,2}/.*)\\.js$': '$1',
  '^nestjs-wechatpay$': '<rootDir>/lib/index.ts',
  '^nestjs-wechatpay/(redis|bullmq|etcd|consul|postgres|p12|opentelemetry)$':
    '<rootDir>/lib/stores/$1/index.ts',
  '^nestjs-wechatpay-emulator$': '<rootDir>/emulator/lib/index.ts',
};
