import type { Logger } from '@cmc/bytes';

/** Levels from most to least talkative. */
export const LOG_LEVELS: readonly LogLevel[] = Object.freeze(['debug', 'info', 'warn', 'error']);
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  /** Lines below this level are dropped. Default `info`. */
  readonly level?: LogLevel;
  /** `json`: one object a line, for machines. `pretty`: for people. Default `json`. */
  readonly format?: 'json' | 'pretty';
  /** Takes each line, newline included. Default: standard error. */
  readonly write?: (line: string) => void;
  /** Clock, for tests. */
  readonly now?: () => Date;
}

/** A logger that writes one line per message. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level ?? 'info');
  const format = options.format === 'pretty' ? prettyLine : jsonLine;
  const write = options.write ?? ((line: string): void => void process.stderr.write(line));
  const now = options.now ?? ((): Date => new Date());
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): void => {
      if (LOG_LEVELS.indexOf(level) < threshold) return;
      write(`${format(level, now(), fields, message)}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function jsonLine(level: LogLevel, time: Date, fields: object, message: string): string {
  return JSON.stringify({ time: time.toISOString(), level, message, ...printable(fields) });
}

function prettyLine(level: LogLevel, time: Date, fields: object, message: string): string {
  const details = Object.entries(printable(fields))
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
  // A peer chooses some of these texts: a line break in one must not start a new line of the log.
  const line = `${time.toISOString()} ${level.padEnd(5)} ${message}${details}`;
  return line.replace(
    /\p{Cc}/gu,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function printable(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? errorFields(value) : value,
    ]),
  );
}

function errorFields(error: Error): object {
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause instanceof Error ? { cause: errorFields(error.cause) } : {};
  return { ...code, message: error.message, ...cause };
}
