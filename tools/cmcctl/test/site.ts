import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveSocket } from '@cmc/api/socket-server';
import type { CmcAddress } from '@cmc/attested-tls';
import { createCmc } from '@cmc/cmcd';
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
import { onTestFinished } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Builds the program, unless it is up to date. */
export function buildProgram(): void {
  buildPackage(PACKAGE);
}

/** The program, and daemons without processes, until the test is over. */
export interface Site {
  readonly folder: string;
  readonly testbed: Testbed;
  readonly files: TestbedFiles;
  startDaemon(name: string, variant?: PartyVariant): Promise<CmcAddress>;
  cmcctl(...args: readonly string[]): Promise<ProgramEnd>;
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
      const { driver, metadata } = await testbed.party(name, { variant });
      const { metadataRoots } = testbed;
      const cmc = await createCmc({ metadataRoots, measurers: [driver], metadata });
      const server = await serveSocket(cmc, { address: `unix://${join(folder, `${name}.sock`)}` });
      onTestFinished(async () => {
        await server.close({ graceMs: 0 });
        await cmc[Symbol.asyncDispose]();
      });
      return { api: 'socket', address: server.address };
    },
    cmcctl: async (...args) =>
      await runProgram(join(PACKAGE, 'dist/main.js'), args, { cwd: folder }),
  };
}
