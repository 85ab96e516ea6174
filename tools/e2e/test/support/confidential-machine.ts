import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CmcClient, createCmcClient } from '@cmc/api';
import type { Component, Metadata } from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { createCmc, type LocalCmc } from '@cmc/cmcd';
import { startProgram } from '@cmc/testbed';
import { createFakeCa, type FakeCa, type Swtpm, startSwtpm } from '@cmc/testkit';
import { onTestFinished } from 'vitest';
import {
  createFakeAmd,
  createFakeChip,
  type FakeAmd,
  type FakeChip,
  fakeReport,
  snpMetadata,
  snpReference,
} from '../../../../packages/attestationreport/test/support/snp.ts';
import { certificateTable } from '../../../../packages/driver-snp/test/support/vectors.ts';
import { temporaryFolder } from './temporary-folder.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const CMCD = join(ROOT, 'packages/cmcd/dist/main.js');
const FAKE_DEVICE = join(ROOT, 'packages/driver-snp/test/support/fake-device.c');
/** Tests run at any time: what they issue has to be valid then. */
const VALID = { notBefore: new Date('2026-01-01'), notAfter: new Date('2099-01-01') };
const common = {
  version: '2026-05-01T00:00:00Z',
  validity: { notBefore: '2026-05-01T00:00:00Z', notAfter: '2098-12-31T00:00:00Z' },
};

/** A maker of processors, a chip of it, and a virtual TPM beside it, until the test is over. */
export interface ConfidentialMachine {
  readonly amd: FakeAmd;
  readonly chip: FakeChip;
  readonly swtpm: Swtpm;
  /** Signs metadata. */
  readonly ca: FakeCa;
  /** Its metadata; reference values of the TPM alone, or of the machine, too. */
  metadata(options?: { readonly tpmOnly?: boolean }): Promise<readonly Uint8Array[]>;
  /** A daemon in a process of its own, inside the machine. */
  startDaemon(): Promise<CmcClient>;
  /** Another CMC, which trusts this maker, or, with `amd: false`, only AMD. */
  verifier(options?: { readonly amd?: boolean }): Promise<LocalCmc>;
}

export async function createConfidentialMachine(): Promise<ConfidentialMachine> {
  const folder = temporaryFolder();
  const amd = await createFakeAmd('Milan', VALID);
  const chip = await createFakeChip(amd, { certificate: VALID });
  const swtpm = await startSwtpm();
  onTestFinished(async () => await swtpm[Symbol.asyncDispose]());
  const ca = createFakeCa({ commonName: 'Metadata Root', ...VALID });
  const { signer } = await ca.issue({ commonName: 'Developer', ...VALID });
  const metadata: ConfidentialMachine['metadata'] = async ({ tpmOnly = false } = {}) => {
    const components = [...(tpmOnly ? [] : [snpReference()]), ...tpmReferences()];
    const sbom = { bomFormat: 'CycloneDX', specVersion: '1.7', components };
    const items = snpMetadata(amd, {}, { sbom }).map((item): Metadata => ({ ...item, ...common }));
    return await Promise.all(
      items.map((item) =>
        signPayload(encodeStruct(metadataSchema, item, 'cbor'), [signer], 'cbor'),
      ),
    );
  };
  return {
    amd,
    chip,
    swtpm,
    ca,
    metadata,
    startDaemon: async () => {
      const path = (name: string): string => join(folder, name);
      mkdirSync(path('metadata'));
      for (const [index, item] of (await metadata()).entries()) {
        writeFileSync(path(`metadata/${index}.cbor`), item);
      }
      writeFileSync(path('ca.pem'), ca.pem);
      const [VCEK, ASK, ARK] = chip.chain as readonly [Uint8Array, Uint8Array, Uint8Array];
      writeFileSync(path('table'), certificateTable({ VCEK, ASK, ARK }));
      execFileSync('gcc', ['-shared', '-fPIC', '-o', path('fake.so'), FAKE_DEVICE, '-ldl']);
      await signReports(path('chip.sock'), chip);
      const address = path('cmcd.sock');
      const config = {
        api: 'socket',
        cmcAddr: address,
        rootCas: [path('ca.pem')],
        storage: path('storage'),
        metadata: [`file://${path('metadata')}`],
        drivers: ['tpm', 'snp'],
        measurementLogs: false,
        tpmDevice: `unix://${swtpm.path}`,
        endorsementMode: 'host',
      };
      writeFileSync(path('cmcd.json'), JSON.stringify(config));
      const environment = {
        LD_PRELOAD: path('fake.so'),
        FAKE_SEV_SIGNER: path('chip.sock'),
        FAKE_SEV_TABLE: path('table'),
      };
      const program = await startWith(environment, path('cmcd.json'));
      onTestFinished(async () => void (await program.stop()));
      const client = await createCmcClient({ api: 'socket', address });
      onTestFinished(async () => await client.close());
      return client;
    },
    verifier: async (options = {}) => {
      const cmc = await createCmc({
        metadataRoots: [parseCertificate(ca.certificate)],
        ...(options.amd === false ? {} : { snpRoots: [amd.root] }),
      });
      onTestFinished(async () => await cmc[Symbol.asyncDispose]());
      return cmc;
    },
  };
}

/** Values of PCRs that nothing was measured into. */
function tpmReferences(): readonly Component[] {
  return [0, 7, 10].map((pcr) => ({
    type: 'firmware',
    name: 'PCR Summary',
    hashes: [{ alg: 'SHA-256', content: new Uint8Array(32) }],
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: String(pcr) },
    ],
  }));
}

/** The secure processor: signs a report over what it is sent. */
async function signReports(path: string, { key }: FakeChip): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => socket.end(fakeReport('Milan', key, new Uint8Array(data))));
  });
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
}

async function startWith(
  environment: Readonly<Record<string, string>>,
  config: string,
): ReturnType<typeof startProgram> {
  const before = { ...process.env };
  Object.assign(process.env, environment);
  try {
    return await startProgram(CMCD, ['--config', config], 'ready');
  } finally {
    for (const name of Object.keys(environment)) {
      const value = before[name];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
