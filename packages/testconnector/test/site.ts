import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveSocket } from '@cmc/api/socket-server';
import {
  type AttestedTlsError,
  type ClientSocket,
  type ConnectOptions,
  connect,
} from '@cmc/attested-tls';
import { createCmc } from '@cmc/cmcd';
import {
  buildPackage,
  createTestbed,
  type PartyVariant,
  type ProgramEnd,
  type RunningProgram,
  runProgram,
  startProgram,
  type Testbed,
  type TestbedFiles,
  writeTestbed,
} from '@cmc/testbed';
import { onTestFinished } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(PACKAGE, 'dist/main.js');

/** Builds the program, unless it is up to date. */
export function buildProgram(): void {
  buildPackage(PACKAGE);
}

/** A client's end: the socket when it is connected, or the error. */
export interface Dialled {
  readonly code: string;
  readonly socket: ClientSocket;
}

export interface Connector {
  readonly port: number;
  readonly program: RunningProgram;
  /** Connects with a daemon of a party of this variant. */
  dial(variant?: PartyVariant, options?: Partial<ConnectOptions>): Promise<Dialled>;
}

/** The program with a daemon, and clients without processes, until the test is over. */
export interface Site {
  readonly folder: string;
  readonly testbed: Testbed;
  readonly files: TestbedFiles;
  /** Flags of a connector on a free port with a daemon that is there. */
  readonly flags: readonly string[];
  start(...flags: readonly string[]): Promise<Connector>;
  /** Runs the program to its end. */
  run(...args: readonly string[]): Promise<ProgramEnd>;
}

export async function createSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'testconnector-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const testbed = await createTestbed();
  const files = await writeTestbed(folder, testbed);
  const cmcOf = async (name: string, variant: PartyVariant = 'good') => {
    const { driver, metadata } = await testbed.party(name, { variant });
    const { metadataRoots } = testbed;
    const cmc = await createCmc({ metadataRoots, measurers: [driver], metadata });
    onTestFinished(async () => await cmc[Symbol.asyncDispose]());
    return cmc;
  };
  const address = `unix://${join(folder, 'cmcd.sock')}`;
  const server = await serveSocket(await cmcOf('server'), { address });
  onTestFinished(async () => await server.close({ graceMs: 0 }));
  const flags = [
    ...['--addr', '127.0.0.1:0', '--cmc-addr', address, '--root-cas', files.tlsCa],
    ...['--cert', files.server.cert, '--key', files.server.key],
  ];
  return {
    folder,
    testbed,
    files,
    flags,
    async start(...more) {
      const program = await startProgram(MAIN, [...flags, ...more], 'listening');
      onTestFinished(async () => await program[Symbol.asyncDispose]());
      const { address } = await program.logged('listening');
      const port = Number(String(address).split(':').at(-1));
      const dial: Connector['dial'] = async (variant, options) => {
        const { tls } = testbed;
        const cmc = await cmcOf('client', variant);
        const target = { host: 'localhost', port, ca: tls.ca, ...tls.client, cmc };
        const socket = connect({ ...target, ...options });
        onTestFinished(() => {
          socket.destroy();
        });
        const code = await once(socket, 'secureConnect').then(
          () => 'connected',
          (error: AttestedTlsError) => error.code,
        );
        return { socket, code };
      };
      return { port, program, dial };
    },
    run: async (...args) => await runProgram(MAIN, args, { cwd: folder, timeoutMs: 15_000 }),
  };
}
