export type { Connector, ConnectorOptions } from './create-connector.ts';
export { createConnector } from './create-connector.ts';
export { createProgram } from './program.ts';
export type { TestconnectorSettings } from './settings.ts';
export { testconnectorSchema } from './settings.ts';
