export type { CmcdConfig, DriverName, EndpointConfig } from '../config/schema.ts';
export { cmcdConfigSchema } from '../config/schema.ts';
export type { Daemon } from './start-daemon.ts';
export { startDaemon } from './start-daemon.ts';
