import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Agent } from './agent.ts';
import { freePort } from './free-port.ts';
import { startTpm, type TpmState } from './software-tpm.ts';

const FIRMWARE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
const FIRMWARE_VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd';
const AGENT_PORT = 8080;
const BOOT_MS = 180_000;
const STOP_MS = 3000;
const POLL_MS = 50;
const SERIAL_TAIL = 3000;
const IS_UP = /guest: agent/;
/** A fault of the emulation, rare: another try is worth it. */
const IS_EMULATION_FAULT = /double fault/;
const IS_DEAD = /Kernel panic|end Kernel/;

export interface MachineOptions {
  readonly kernel: string;
  readonly initrd: string;
  readonly root: string;
  readonly application: string;
  /** Added to the kernel command line. */
  readonly commandLine?: string;
  /** With one the firmware is UEFI and measures; without, the machine boots faster. */
  readonly tpm?: TpmState;
  /** Lets the guest reach servers of the host at 10.0.2.2. Default: no. */
  readonly reachesHost?: boolean;
  /** A port of the guest that the host reaches, too: at `Machine.servicePort` of 127.0.0.1. */
  readonly servicePort?: number;
}

/** A virtual machine that is up. */
export interface Machine extends AsyncDisposable {
  readonly agent: Agent;
  /** Time from the start of QEMU until the agent answered, in milliseconds. */
  readonly bootMs: number;
  /** Where the host reaches `MachineOptions.servicePort`. */
  readonly servicePort?: number;
  /** What the guest wrote to its console. */
  serial(): Promise<string>;
  /** Ends it, and removes what it needed. */
  stop(): Promise<void>;
}

/** Boots a machine and waits for its agent. @throws {Error} it does not come up, with its console */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const first = await boot(options);
  if (!(first instanceof Error)) return first;
  if (!IS_EMULATION_FAULT.test(first.message)) throw first;
  const second = await boot(options);
  if (second instanceof Error) throw second;
  return second;
}

async function boot(options: MachineOptions): Promise<Machine | Error> {
  const folder = await mkdtemp(join(tmpdir(), 'cmc-vm-'));
  const children: ChildProcess[] = [];
  const serialFile = join(folder, 'serial.log');
  const serial = async (): Promise<string> => await readFile(serialFile, 'latin1').catch(() => '');
  const stop = async (): Promise<void> => {
    // The machine before its TPM.
    for (const child of children.reverse()) await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const tpmSocket = join(folder, 'tpm.sock');
    if (options.tpm !== undefined) children.push(await startTpm(options.tpm, tpmSocket));
    const variables = join(folder, 'variables.fd');
    await copyFile(FIRMWARE_VARIABLES, variables);
    const port = await freePort();
    const service = options.servicePort === undefined ? {} : { servicePort: await freePort() };
    const forwards = [
      `${port}-:${AGENT_PORT}`,
      ...(service.servicePort === undefined
        ? []
        : [`${service.servicePort}-:${options.servicePort}`]),
    ];
    const args = qemuArguments(options, { forwards, serialFile, tpmSocket, variables });
    const started = performance.now();
    const machine = startQemu(args, join(folder, 'qemu.log'));
    children.push(machine);
    await waitUntilUp(machine, serial, join(folder, 'qemu.log'));
    const bootMs = performance.now() - started;
    const agent = new Agent(port);
    return { agent, bootMs, ...service, serial, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    return error instanceof Error ? error : new Error(String(error));
  }
}

function startQemu(args: readonly string[], log: string): ChildProcess {
  const file = openSync(log, 'w');
  try {
    // However this process ends, nothing stays behind.
    const wrapped = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args];
    return spawn('setpriv', wrapped, { stdio: ['ignore', file, file] });
  } finally {
    closeSync(file);
  }
}

async function waitUntilUp(
  machine: ChildProcess,
  serial: () => Promise<string>,
  log: string,
): Promise<void> {
  const deadline = Date.now() + BOOT_MS;
  for (;;) {
    const text = await serial();
    if (IS_UP.test(text)) return;
    const hasEnded = machine.exitCode !== null || machine.signalCode !== null;
    if (hasEnded || IS_DEAD.test(text) || Date.now() > deadline) {
      const why = hasEnded ? 'has ended' : IS_DEAD.test(text) ? 'has died' : 'does not come up';
      const said = await readFile(log, 'utf8').catch(() => '');
      throw new Error(`the machine ${why}\n${said}\n${text.slice(-SERIAL_TAIL)}`);
    }
    await setTimeout(POLL_MS);
  }
}

interface Places {
  /** Ports of the host, and of the guest. */
  readonly forwards: readonly string[];
  readonly serialFile: string;
  readonly tpmSocket: string;
  readonly variables: string;
}

function qemuArguments(options: MachineOptions, places: Places): readonly string[] {
  const { tpm, reachesHost = false, commandLine = '' } = options;
  const forwards = places.forwards.map((each) => `,hostfwd=tcp:127.0.0.1:${each}`).join('');
  const firmware = [
    ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${FIRMWARE}`],
    ...['-drive', `if=pflash,format=raw,unit=1,file=${places.variables}`],
    ...['-chardev', `socket,id=tpm,path=${places.tpmSocket}`],
    ...['-tpmdev', 'emulator,id=tpm0,chardev=tpm', '-device', 'tpm-crb,tpmdev=tpm0'],
  ];
  return [
    ...['-M', 'q35,smm=off', '-accel', 'tcg,thread=multi'],
    // Without cx16: the emulation of that instruction sometimes brings kernel 6.12 down.
    ...['-cpu', 'max,cx16=off', '-smp', '1', '-m', '1024'],
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', `file:${places.serialFile}`],
    ...(tpm === undefined ? [] : firmware),
    ...drive('root', options.root),
    ...drive('application', options.application),
    ...['-netdev', `user,id=net,restrict=${reachesHost ? 'off' : 'on'}${forwards}`],
    ...['-device', 'virtio-net-pci,netdev=net,romfile=', '-device', 'virtio-rng-pci'],
    ...['-kernel', options.kernel, '-initrd', options.initrd],
    // With a root the initial ram disk is no tmpfs, and IMA measures what runs in it.
    ...['-append', `console=ttyS0 root=/dev/vda panic=-1 ${commandLine}`.trim()],
  ];
}

function drive(id: string, file: string): readonly string[] {
  return [
    ...['-drive', `if=none,id=${id},format=raw,readonly=on,file=${file}`],
    ...['-device', `virtio-blk-pci,drive=${id}`],
  ];
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = new AbortController();
  const timeout = setTimeout(STOP_MS, 'timeout', { signal: timer.signal }).catch(() => {});
  if ((await Promise.race([ended, timeout])) === 'timeout') child.kill('SIGKILL');
  timer.abort();
  await ended;
}
