import type { LoggerService } from '@nestjs/common';

/** One line of an application's log. */
export interface LogLine {
  readonly level: 'log' | 'error' | 'warn' | 'debug' | 'verbose' | 'fatal';
  /** Everything that would be printed: message, stack, context. */
  readonly text: string;
}

/** Keeps what an application logs, at every level, instead of printing it. */
export class RecordingLogger implements LoggerService {
  readonly lines: LogLine[] = [];

  log(...parts: unknown[]): void {
    this.add('log', parts);
  }

  error(...parts: unknown[]): void {
    this.add('error', parts);
  }

  warn(...parts: unknown[]): void {
    this.add('warn', parts);
  }

  debug(...parts: unknown[]): void {
    this.add('debug', parts);
  }

  verbose(...parts: unknown[]): void {
    this.add('verbose', parts);
  }

  fatal(...parts: unknown[]): void {
    this.add('fatal', parts);
  }

  /** The lines of these levels; all of them when none is named. */
  textOf(...levels: LogLine['level'][]): string {
    return this.lines
      .filter(({ level }) => levels.length === 0 || levels.includes(level))
      .map(({ text }) => text)
      .join('\n');
  }

  clear(): void {
    this.lines.length = 0;
  }

  private add(level: LogLine['level'], parts: unknown[]): void {
    const text = parts
      .filter((part) => part !== undefined)
      .map((part) => (part instanceof Error ? (part.stack ?? part.message) : String(part)))
      .join(' ');
    this.lines.push({ level, text });
  }
}
