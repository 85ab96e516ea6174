export { createProgram } from './program.ts';
export type { TestclientSettings } from './settings.ts';
export { testclientSchema } from './settings.ts';
