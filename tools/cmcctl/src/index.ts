export type { CommandEntry, Handler } from './commands.ts';
export { COMMANDS } from './commands.ts';
export { createProgram } from './program.ts';
export type { CmcctlSettings, VerifyFormat } from './settings.ts';
export { cmcctlSchema } from './settings.ts';
