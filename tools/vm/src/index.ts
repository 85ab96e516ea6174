export { Agent, GuestError, type Outcome, type ProgramOptions } from './agent.ts';
export { freePort } from './free-port.ts';
export { buildApplication, rootImage } from './images.ts';
export { buildInitrd } from './initrd.ts';
export { compileModule, type Kernel, prepareKernel } from './kernel.ts';
export { type Machine, type MachineOptions, startMachine } from './machine.ts';
export { missingPrograms } from './programs.ts';
export { manufactureTpm, type TpmState } from './software-tpm.ts';
export { systemdImage } from './systemd-image.ts';
