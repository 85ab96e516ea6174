import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure } from './benchmark.ts';

/** Benchmarks by name; each runs in a process of its own, those marked on one core. */
const BENCHMARKS: Readonly<Record<string, { readonly oneCore: boolean }>> = {
  handshake: { oneCore: true },
  'verify-report': { oneCore: true },
  'verify-ima': { oneCore: true },
  snp: { oneCore: true },
  grpc: { oneCore: false },
  'idle-connection': { oneCore: false },
  daemon: { oneCore: false },
  ima: { oneCore: true },
  tpm2: { oneCore: false },
  'remote-key': { oneCore: false },
  // Puts its server on one core, and itself on another.
  enroll: { oneCore: false },
};

const [, , command = '', ...names] = process.argv;
if (command === 'run') await runOne(names[0] ?? '');
else runAll(command === '' ? Object.keys(BENCHMARKS) : [command, ...names]);

function runAll(selected: readonly string[]): void {
  let met = true;
  for (const name of selected) {
    const benchmark = BENCHMARKS[name];
    if (benchmark === undefined) {
      console.error(`unknown benchmark ${name}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
      process.exit(2);
    }
    console.log(`\n${name}${benchmark.oneCore ? ' (one core)' : ''}, Node ${process.version}`);
    const self = [process.execPath, '--expose-gc', fileURLToPath(import.meta.url), 'run', name];
    const [program = '', ...args] = benchmark.oneCore ? ['taskset', '-c', '0', ...self] : self;
    const { status } = spawnSync(program, args, { stdio: 'inherit' });
    met &&= status === 0;
  }
  process.exitCode = met ? 0 : 1;
}

async function runOne(name: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-bench-'));
  try {
    const figures = await load(name, folder);
    for (const figure of figures) console.log(line(figure));
    process.exitCode = figures.every(({ met }) => met) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  // Open pools and workers of what was measured must not keep this process.
  process.exit();
}

async function load(name: string, folder: string): Promise<readonly Figure[]> {
  switch (name) {
    case 'handshake':
      return await (await import('./handshake.ts')).handshake(folder);
    case 'verify-report':
      return await (await import('./verify-report.ts')).verifyReport(folder);
    case 'verify-ima':
      return await (await import('./verify-ima.ts')).verifyIma();
    case 'snp':
      return await (await import('./snp.ts')).snp();
    case 'grpc':
      return await (await import('./grpc.ts')).grpc(folder);
    case 'enroll':
      return await (await import('./enroll.ts')).enroll(folder);
    case 'ima':
      return await (await import('./ima.ts')).ima();
    case 'tpm2':
      return await (await import('./tpm2.ts')).tpm2();
    case 'remote-key':
      return await (await import('./remote-key.ts')).remoteKey(folder);
    case 'idle-connection':
      return await (await import('./idle-connection.ts')).idleConnection(folder);
    default:
      return await (await import('./daemon.ts')).daemon(folder);
  }
}

function line({ name, value, unit, goal, met }: Figure): string {
  const figure = `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`;
  const verdict = goal === '' ? '' : `  ${met ? 'met' : 'MISSED'}: ${goal}`;
  return `  ${name.padEnd(46)}${figure.padStart(14)}${verdict}`;
}
