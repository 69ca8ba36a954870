import { Logger, type LoggerService } from '@nestjs/common';

/** The contexts that Nest uses while an application starts. */
const startContexts = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/**
 * Keeps Nest's own lines about starting an application out of the log, for as long as the emulator
 * starts: it lives inside somebody else's test or program. Passing a `logger` to Nest would change
 * the logger of that program for good.
 */
class StartFilter extends Logger {
  static mute(): () => void {
    const before = Logger.staticInstanceRef;
    let isStarting = true;
    const isStartLine = (rest: readonly unknown[]): boolean => {
      const context = rest.at(-1);
      return isStarting && typeof context === 'string' && startContexts.has(context);
    };
    const quiet: LoggerService = {
      log: (message: unknown, ...rest: unknown[]) => {
        if (!isStartLine(rest)) before?.log(message, ...rest);
      },
      // what goes wrong while starting is thrown to whoever starts
      error: (message: unknown, ...rest: unknown[]) => {
        if (!isStartLine(rest)) before?.error(message, ...rest);
      },
      warn: (...all: [unknown, ...unknown[]]) => before?.warn(...all),
      debug: (...all: [unknown, ...unknown[]]) => before?.debug?.(...all),
      verbose: (...all: [unknown, ...unknown[]]) => before?.verbose?.(...all),
      fatal: (...all: [unknown, ...unknown[]]) => before?.fatal?.(...all),
    };
    Logger.staticInstanceRef = quiet;
    return () => {
      isStarting = false;
      if (Logger.staticInstanceRef === quiet && before !== undefined) {
        Logger.staticInstanceRef = before;
      }
    };
  }
}

/** Runs `start` without Nest's start lines. @internal */
export async function quietly<T>(start: () => Promise<T>): Promise<T> {
  const unmute = StartFilter.mute();
  try {
    return await start();
  } finally {
    unmute();
  }
}
