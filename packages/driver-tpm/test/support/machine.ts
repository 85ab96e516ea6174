import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Component,
  type GenerateOptions,
  generate,
  type Metadata,
  type Verification,
  type VerifyOptions,
  verify,
} from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { createFakeCa, createFakeKeySync, type FakeCa, type Swtpm, startSwtpm } from '@cmc/testkit';
import { openTpm, type Tpm } from 'tpm2-ts';
import {
  type AttestationKeyEndorser,
  createTpmAccess,
  createTpmDriver,
  type TpmAccess,
  type TpmDriver,
  type TpmDriverOptions,
} from '../../src/index.ts';

export const NONCE: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
/** tcg-kp-AIKCertificate. */
const ATTESTATION_KEY = '2.23.133.8.3';

/** A computer with a TPM of its own. */
export interface Machine extends AsyncDisposable {
  readonly swtpm: Swtpm;
  /** Its files; `eventlog` and `ima` are its logs. */
  readonly folder: string;
  readonly access: TpmAccess;
  readonly ca: FakeCa;
  /** How often a certificate was asked for. */
  readonly endorsed: () => number;
  readonly driver: (options?: Partial<TpmDriverOptions>) => TpmDriver;
  /** A connection that nothing else can be done beside. */
  readonly open: () => Promise<Tpm>;
  readonly writeLogs: (logs: { readonly eventlog?: Uint8Array; readonly ima?: Uint8Array }) => void;
}

export async function createMachine(options: { readonly ek?: boolean } = {}): Promise<Machine> {
  const swtpm = await startSwtpm(options);
  const folder = mkdtempSync(join(tmpdir(), 'driver-tpm-'));
  const ca = createFakeCa();
  const open = async (): Promise<Tpm> => await openTpm({ socket: { path: swtpm.path } });
  const access = createTpmAccess(open);
  let count = 0;
  const endorser: AttestationKeyEndorser = {
    endorse: async ({ signer }) => {
      count++;
      return await endorse(ca, signer.publicKey);
    },
  };
  return {
    swtpm,
    folder,
    access,
    ca,
    endorsed: () => count,
    driver: (more = {}) =>
      createTpmDriver({
        access,
        endorser,
        storage: join(folder, 'storage'),
        eventLogPath: join(folder, 'eventlog'),
        imaLogPath: join(folder, 'ima'),
        ...more,
      }),
    open,
    writeLogs: (logs) => {
      for (const [name, bytes] of Object.entries(logs)) writeFileSync(join(folder, name), bytes);
    },
    async [Symbol.asyncDispose]() {
      await swtpm[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A certificate for an attestation key, as R11 wants it. */
export async function endorse(ca: FakeCa, spki: Uint8Array): Promise<readonly Uint8Array[]> {
  const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  const { certificate } = await ca.issue({
    commonName: 'host.test TPM AK',
    key: { ...createFakeKeySync(), publicKey },
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [ATTESTATION_KEY],
  });
  return [certificate, ca.certificate];
}

/** Metadata of a computer whose boot gives these reference values. */
export async function signMetadata(
  ca: FakeCa,
  components: readonly Component[],
): Promise<readonly Uint8Array[]> {
  const { signer } = await ca.issue({ commonName: 'Developer' });
  const common = {
    version: '2026-05-01T00:00:00Z',
    validity: { notBefore: '2026-05-01T00:00:00Z', notAfter: '2036-12-31T00:00:00Z' },
  };
  const items: Metadata[] = [
    {
      type: 'Image Description',
      name: 'de.test.image',
      ...common,
      descriptions: [
        { type: 'Manifest Description', name: 'de.test.rtm.description', manifest: 'de.test.rtm' },
      ],
    },
    {
      type: 'Manifest',
      name: 'de.test.rtm',
      ...common,
      baseLayers: ['de.test.rtm'],
      certLevel: 3,
      sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components: [...components] },
    },
  ];
  return await Promise.all(
    items.map((item) => signPayload(encodeStruct(metadataSchema, item, 'json'), [signer], 'json')),
  );
}

/** A report with these reference values. */
export async function report(
  machine: Machine,
  driver: TpmDriver,
  components: readonly Component[],
  options: Partial<GenerateOptions> = {},
): Promise<Uint8Array> {
  return await generate({
    measurers: [driver],
    nonce: NONCE,
    metadata: await signMetadata(machine.ca, components),
    ...options,
  });
}

export async function check(
  machine: Machine,
  bytes: Uint8Array,
  options: Partial<VerifyOptions> = {},
): Promise<Verification> {
  const metadataRoots = [parseCertificate(machine.ca.certificate)];
  return await verify(bytes, { nonce: NONCE, metadataRoots, ...options });
}
