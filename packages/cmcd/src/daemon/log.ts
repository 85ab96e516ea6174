import { openSync, writeSync } from 'node:fs';
import type { Logger } from '@cmc/bytes';
import { ConfigError, createLogger, type LogLevel } from '@cmc/host';
import type { CmcdConfig, LogLevelName } from '../config/schema.ts';

const LEVELS: Readonly<Record<LogLevelName, LogLevel>> = Object.freeze({
  panic: 'error',
  fatal: 'error',
  error: 'error',
  warn: 'warn',
  info: 'info',
  debug: 'debug',
  trace: 'debug',
});

/** The logger that the settings describe. @throws {ConfigError} the log file cannot be opened */
export function openLog(config: CmcdConfig): Logger {
  const { logFile, logLevel = 'info' } = config;
  const toTerminal = logFile === undefined && process.stderr.isTTY === true;
  return createLogger({
    level: LEVELS[logLevel],
    format: config.logFormat ?? (toTerminal ? 'pretty' : 'json'),
    ...(logFile === undefined ? {} : { write: appendTo(logFile) }),
  });
}

function appendTo(path: string): (line: string) => void {
  try {
    const file = openSync(path, 'a', 0o640);
    return (line) => void writeSync(file, line);
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `logFile: cannot write ${path}`, { cause });
  }
}
