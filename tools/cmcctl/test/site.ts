import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveSocket } from '@cmc/api/socket-server';
import type { CmcAddress } from '@cmc/attested-tls';
import { createCmc, createLocalEnroller } from '@cmc/cmcd';
import type { ContainerLog } from '@cmc/driver-sw';
import {
  buildPackage,
  createTestbed,
  type PartyVariant,
  type ProgramEnd,
  runProgram,
  type Testbed,
  type TestbedFiles,
  writeTestbed,
} from '@cmc/testbed';
import { fakeSigner } from '@cmc/testkit';
import { onTestFinished } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** The built program. */
export const MAIN: string = join(PACKAGE, 'dist/main.js');

/** Builds the program, unless it is up to date. */
export function buildProgram(): void {
  buildPackage(PACKAGE);
}

/** The program, and daemons without processes, until the test is over. */
export interface Site {
  readonly folder: string;
  readonly testbed: Testbed;
  readonly files: TestbedFiles;
  /** Attests with the software driver, records events, and certifies TLS keys under the TLS CA. */
  startDaemon(name: string, variant?: PartyVariant): Promise<Daemon>;
  cmcctl(...args: readonly string[]): Promise<ProgramEnd>;
  /** A program in the folder of the site that has `cmcctl`, and `npx @cmc/cmcctl`, on its path. */
  shell(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<ProgramEnd>;
  /** `listen` or `serve` on a free port of 127.0.0.1. */
  startServer(command: 'listen' | 'serve', ...args: readonly string[]): Promise<RunningServer>;
}

export interface Daemon extends CmcAddress {
  readonly containerLog: ContainerLog;
  stop(): Promise<void>;
}

export interface RunningServer {
  readonly child: ChildProcess;
  /** host:port */
  readonly address: string;
}

export async function createSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'cmcctl-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const testbed = await createTestbed();
  return {
    folder,
    testbed,
    files: await writeTestbed(folder, testbed),
    startDaemon: async (name, variant = 'good') => {
      const { driver, metadata, containerLog } = await testbed.party(name, { variant });
      const { metadataRoots, tlsCa } = testbed;
      const enroller = createLocalEnroller({ ca: fakeSigner(tlsCa.key, [tlsCa.certificate]) });
      const cmc = await createCmc({
        ...{ metadataRoots, measurers: [driver], metadata, containerLog, name },
        keys: { enroller },
      });
      const server = await serveSocket(cmc, { address: `unix://${join(folder, `${name}.sock`)}` });
      const stop = async (): Promise<void> => {
        await server.close({ graceMs: 0 });
        await cmc[Symbol.asyncDispose]();
      };
      onTestFinished(stop);
      return { api: 'socket', address: server.address, containerLog, stop };
    },
    cmcctl: async (...args) => await runProgram(MAIN, args, { cwd: folder }),
    shell: async (program, args, env = {}) => await runInPath(folder, program, args, env),
    startServer: async (command, ...args) => {
      const listen = ['--addr', '127.0.0.1:0', '--json'];
      const child = spawn(process.execPath, [MAIN, command, ...listen, ...args], { cwd: folder });
      onTestFinished(() => void child.kill());
      const address = await new Promise<string>((resolve, reject) => {
        let log = '';
        child.once('exit', () => reject(new Error(`${command} ended: ${log}`)));
        child.stderr.on('data', (text) => {
          log += text;
          const found = /"listening","address":"([^"]+)"/.exec(log);
          if (found) resolve(found[1] ?? '');
        });
      });
      return { child, address };
    },
  };
}

function runInPath(
  folder: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ProgramEnd> {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const cmcctl = `exec '${process.execPath}' '${MAIN}' "$@"`;
  const npx = 'case "$1 $2" in "--yes @cmc/cmcctl@"*) shift 2 ;; *) exit 127 ;; esac';
  writeFileSync(join(bin, 'cmcctl'), `#!/bin/sh\n${cmcctl}\n`, { mode: 0o755 });
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\n${npx}\n${cmcctl}\n`, { mode: 0o755 });
  const { NO_COLOR: _, PATH: path, ...inherited } = process.env;
  const options = {
    cwd: folder,
    timeout: 30_000,
    env: { ...inherited, PATH: `${bin}${delimiter}${path}`, ...env },
  };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}
