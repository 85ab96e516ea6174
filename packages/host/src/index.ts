export type { ConfigErrorCode, ConfigSources } from './config.ts';
export { ConfigError, readConfig } from './config.ts';
export type { ConnectionFiles, ConnectionSettings } from './connection-settings.ts';
export {
  connectionEntries,
  DEFAULT_CMC_ADDRESS,
  readConnectionFiles,
} from './connection-settings.ts';
export type { EvidenceSettings } from './evidence-settings.ts';
export { evidenceEntries } from './evidence-settings.ts';
export { describeError, EXIT, exitCodeOf, UsageError } from './exit.ts';
export type { WriteFileAtomicOptions } from './files.ts';
export { createFileAtomic, removeTemporaries, syncFolder, writeFileAtomic } from './files.ts';
export type { SettingFlag } from './flags.ts';
export { settingFlags } from './flags.ts';
export { parseHostPort } from './host-port.ts';
export type { LoggerOptions, LogLevel } from './logger.ts';
export { createLogger, LOG_LEVELS } from './logger.ts';
export { packageVersion } from './package-version.ts';
export { addSettingFlags, runProgram, settingsOf } from './program.ts';
export type { SettingEntries, SettingSchema } from './setting.ts';
export { required, setting, text } from './setting.ts';
export { readSettingFile, readSettingFiles } from './setting-files.ts';
export { suggest } from './suggest.ts';
