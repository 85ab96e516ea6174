export type { ConfigErrorCode, ConfigSources } from './config.ts';
export { ConfigError, readConfig } from './config.ts';
export { describeError, EXIT, exitCodeOf, runMain, UsageError } from './exit.ts';
export type { WriteFileAtomicOptions } from './files.ts';
export { removeTemporaries, syncFolder, writeFileAtomic } from './files.ts';
export type { LoggerOptions, LogLevel } from './logger.ts';
export { createLogger, LOG_LEVELS } from './logger.ts';
export { suggest } from './suggest.ts';
