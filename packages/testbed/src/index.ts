export type { Testbed, TestbedOptions, TlsIdentity } from './create-testbed.ts';
export { createTestbed } from './create-testbed.ts';
export { memoryContainerLog } from './memory-container-log.ts';
export type { Party, PartyOptions, PartyVariant } from './party.ts';
export type { LogLine, ProgramEnd, RunningProgram, RunOptions } from './programs.ts';
export { BUILD_TIMEOUT_MS, buildPackage, runProgram, startProgram } from './programs.ts';
export type { IdentityFiles, PartyConfig, TestbedFiles } from './write-files.ts';
export { writeMetadata, writeParty, writeTestbed } from './write-files.ts';
