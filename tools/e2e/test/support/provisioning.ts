import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CmcClient, createCmcClient, type TlsKeyConfig } from '@cmc/api';
import type { CmcAddress, Role } from '@cmc/attested-tls';
import { type RunningProgram, runProgram, startProgram, writeParty } from '@cmc/testbed';
import { expect, onTestFinished } from 'vitest';
import type { Site } from './site.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const PROVSERVER = join(ROOT, 'packages/provserver/dist/main.js');
const CMCD = join(ROOT, 'packages/cmcd/dist/main.js');

/** A certificate in the records of the server. */
export interface RecordedCertificate {
  readonly serial: string;
  readonly spkiSha256: string;
  readonly method: string;
}

/** A provisioning server in a process of its own, from nothing, for the daemons of a site. */
export interface Provisioning {
  /** Root of what it issues, PEM. */
  readonly rootPem: string;
  /** Starts it, on the same port every time. */
  start(): Promise<RunningProgram>;
  /** A token for one key with these names. */
  token(...names: readonly string[]): Promise<string>;
  certificates(): Promise<readonly RecordedCertificate[]>;
  /** Trusts a vendor of TPMs, whose certificates are in a PEM file. */
  trustVendor(pemFile: string): Promise<void>;
  /** What `provserver audit --verify` says: exit code. */
  verifyAudit(): Promise<number>;
  /** A daemon that enrols its keys there. */
  startDaemon(role: Role, settings?: object): Promise<EnrollingDaemon>;
}

export interface EnrollingDaemon {
  readonly program: RunningProgram;
  readonly address: CmcAddress;
  readonly storage: string;
  /** A client that is closed after the test. */
  client(): Promise<CmcClient>;
}

/** `provserver init`, with settings changed. */
export async function createProvisioning(site: Site, settings: object = {}): Promise<Provisioning> {
  const folder = join(site.folder, 'prov');
  const config = join(folder, 'provserver.json');
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runProgram(PROVSERVER, args, { cwd: site.folder });
    expect(code, stderr).toBe(0);
    return stdout;
  };
  await run('init', '--dir', folder, '--allow-names', '{prover},localhost,127.0.0.1');
  const made = JSON.parse(readFileSync(config, 'utf8'));
  const estAddr = `127.0.0.1:${await freePort()}`;
  const rootCas = [site.files.metadataCa, join(folder, 'root.pem')];
  writeFileSync(config, JSON.stringify({ ...made, estAddr, rootCas, ...settings }));

  const parties = new Map<Role, Awaited<ReturnType<typeof writeParty>>>();
  const partyOf = async (role: Role): Promise<Awaited<ReturnType<typeof writeParty>>> => {
    const party =
      parties.get(role) ??
      (await writeParty(site.folder, await site.testbed.party(role), site.files));
    parties.set(role, party);
    return party;
  };
  return {
    rootPem: readFileSync(join(folder, 'root.pem'), 'utf8'),
    start: () => startUntilTestEnd(PROVSERVER, ['serve', '--config', config], 'listening'),
    token: async (...names) =>
      (await run('token', '--config', config, '--names', names.join(','))).trim(),
    trustVendor: async (pemFile) => {
      await run('ek-roots', 'import', pemFile, '--config', config);
    },
    certificates: async () => {
      const lines = (await run('list', '--config', config, '--json')).trim().split('\n');
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
    },
    verifyAudit: async () =>
      (await runProgram(PROVSERVER, ['audit', '--verify', '--config', config])).code,
    startDaemon: async (role, change = {}) => {
      const party = await partyOf(role);
      const address = `unix://${join(site.folder, `${role}.sock`)}`;
      const file = join(site.folder, `${role}.json`);
      const cmcd = {
        ...party,
        rootCas,
        api: 'socket',
        cmcAddr: address,
        enrollmentMode: 'est',
        enrollmentAddr: `https://localhost:${estAddr.split(':')[1]}`,
        ...change,
      };
      writeFileSync(file, JSON.stringify(cmcd));
      const program = await startUntilTestEnd(CMCD, ['--config', file], 'ready');
      return {
        program,
        address: { api: 'socket', address },
        storage: party.storage,
        client: async () => {
          const client = await createCmcClient({ api: 'socket', address });
          onTestFinished(async () => await client.close());
          return client;
        },
      };
    },
  };
}

/** A TLS key for a host. */
export function keyFor(cn: string, ...dnsNames: readonly string[]): TlsKeyConfig {
  return { type: 'sw', alg: 'EC256', cn, dnsNames, ipAddresses: [] };
}

async function startUntilTestEnd(
  main: string,
  args: readonly string[],
  ready: string,
): Promise<RunningProgram> {
  const program = await startProgram(main, args, ready);
  onTestFinished(async () => await program[Symbol.asyncDispose]());
  return program;
}

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      server.close(() => resolve(port));
    });
  });
}
