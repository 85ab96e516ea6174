import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ApiName } from '@cmc/api';
import type { CmcAddress, Role } from '@cmc/attested-tls';
import {
  buildPackage,
  createTestbed,
  type PartyConfig,
  type PartyOptions,
  type ProgramEnd,
  type RunningProgram,
  runProgram,
  startProgram,
  type Testbed,
  type TestbedFiles,
  writeParty,
  writeTestbed,
} from '@cmc/testbed';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const MAIN = {
  cmcd: join(ROOT, 'packages/cmcd/dist/main.js'),
  testclient: join(ROOT, 'packages/testclient/dist/main.js'),
  testconnector: join(ROOT, 'packages/testconnector/dist/main.js'),
};

/** Builds the programs, unless they are up to date. */
export function buildPrograms(): void {
  buildPackage(join(ROOT, 'tools/e2e'));
}

/** A `cmcd` of one party. */
export interface DaemonSite {
  readonly party: PartyConfig;
  readonly address: CmcAddress;
  readonly program: RunningProgram;
}

/** A `testconnector`. */
export interface ConnectorSite {
  readonly port: number;
  readonly program: RunningProgram;
}

/** Real programs, in a folder of their own, until the test is over. */
export interface Site {
  readonly folder: string;
  readonly testbed: Testbed;
  readonly files: TestbedFiles;
  startDaemon(role: Role, options?: DaemonOptions): Promise<DaemonSite>;
  startConnector(daemon: CmcAddress, ...flags: readonly string[]): Promise<ConnectorSite>;
  /** `testclient dial`. */
  dial(port: number, daemon: CmcAddress, ...flags: readonly string[]): Promise<ProgramEnd>;
  testclient(...args: readonly string[]): Promise<ProgramEnd>;
}

export interface DaemonOptions extends PartyOptions {
  readonly api?: ApiName;
}

export async function createSite(): Promise<Site> {
  const folder = temporaryFolder();
  const testbed = await createTestbed();
  const files = await writeTestbed(folder, testbed);
  const start = async (main: string, args: readonly string[], ready: string) => {
    const program = await startProgram(main, args, ready);
    onTestFinished(async () => await program[Symbol.asyncDispose]());
    return program;
  };
  const tlsFlags = (role: Role): string[] => [
    ...['--cert', files[role].cert, '--key', files[role].key, '--root-cas', files.tlsCa, '--mtls'],
  ];
  const daemonFlags = ({ api, address }: CmcAddress): string[] => [
    ...['--api', api, '--cmc-addr', address],
  ];
  const testclient = async (...args: readonly string[]): Promise<ProgramEnd> =>
    await runProgram(MAIN.testclient, args, { cwd: folder, timeoutMs: 60_000 });
  return {
    folder,
    testbed,
    files,
    testclient,
    async startDaemon(role, { api = 'socket', ...options } = {}) {
      const party = await writeParty(folder, await testbed.party(role, options), files);
      const cmcAddr = api === 'socket' ? `unix://${join(folder, `${role}.sock`)}` : '127.0.0.1:0';
      const config = join(folder, `${role}.json`);
      writeFileSync(config, JSON.stringify({ ...party, api, cmcAddr }));
      const program = await start(MAIN.cmcd, ['--config', config], 'ready');
      const { address } = await program.logged('listening');
      return { party, address: { api, address: String(address) }, program };
    },
    async startConnector(daemon, ...flags) {
      const args = ['--addr', '127.0.0.1:0', ...daemonFlags(daemon), ...tlsFlags('server')];
      const program = await start(MAIN.testconnector, [...args, ...flags], 'listening');
      const { address } = await program.logged('listening');
      return { port: Number(String(address).split(':').at(-1)), program };
    },
    async dial(port, daemon, ...flags) {
      const args = ['--addr', `localhost:${port}`, ...daemonFlags(daemon), ...tlsFlags('client')];
      return await testclient('dial', ...args, ...flags);
    },
  };
}
