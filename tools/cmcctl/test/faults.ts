import type { AttestationResult, Metadata, MetadataVersionStore } from '@cmc/attestationreport';
import { createPolicyEngine } from '@cmc/attestationreport/policy';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { encodeUtf8 } from '@cmc/bytes';
import { bootAggregateEntries, encodeImaEntry, imaEntryDigest } from '@cmc/ima';
import { createFakeCa, createFakeKeySync } from '@cmc/testkit';
import {
  createScene,
  digestOf,
  goodMetadata,
  imageDescription,
  manifestOf,
  type Scene,
} from '../../../packages/attestationreport/test/support/scene.ts';
import {
  createFakeAmd,
  createFakeChip,
  type FakeAmd,
  type FakeSnpOptions,
  fakeSnp,
  snpMetadata,
  snpPolicy,
  tcb,
} from '../../../packages/attestationreport/test/support/snp.ts';
import {
  containerEvent,
  containerReference,
  containerSpec,
  fakeSoftware,
} from '../../../packages/attestationreport/test/support/software.ts';
import {
  BOOT,
  type FakeEvent,
  type FakeTpmOptions,
  fakeTpm,
  tpmMetadata,
  tpmReferences,
} from '../../../packages/attestationreport/test/support/tpm.ts';

/** One thing that can be wrong with a report, and nothing else is. */
export interface Fault {
  readonly fault: string;
  /** The finding that must come first. */
  readonly id: string;
  make(world: World): Promise<AttestationResult>;
}

/** Everything that reports are made of. */
export interface World {
  readonly scene: Scene;
  readonly amd: FakeAmd;
}

export async function createWorld(): Promise<World> {
  return { scene: await createScene(), amd: await createFakeAmd('Milan') };
}

const APP = 'de.test.app';
const SERVER = 'https://omsp.test';
const PRODUCED = '2026-05-31T00:00:00Z';

function changed(name: string, changes: Partial<Metadata>): readonly Metadata[] {
  return goodMetadata().map((item) => (item.name === name ? { ...item, ...changes } : item));
}

type ReportChanges = NonNullable<Parameters<Scene['report']>[0]>;
type VerifyChanges = NonNullable<Parameters<Scene['verify']>[1]>;

async function judge(
  { scene }: World,
  report: ReportChanges = {},
  options: VerifyChanges = {},
): Promise<AttestationResult> {
  return (await scene.verify(await scene.report(report), options)).result;
}

async function judgeBytes(
  { scene }: World,
  change: (report: Uint8Array) => Uint8Array,
): Promise<AttestationResult> {
  return (await scene.verify(change(await scene.report()))).result;
}

async function judgePolicy(world: World, script: string): Promise<AttestationResult> {
  await using policyEngine = createPolicyEngine();
  return await judge(world, {}, { policies: encodeUtf8(script), policyEngine });
}

/** A report over one manifest that a server knows the status of, if it is asked. */
async function judgeRevocation(
  world: World,
  status: string | undefined,
): Promise<AttestationResult> {
  const app = await world.scene.sign({
    ...manifestOf('rtm', 'rtm', [containerReference()]),
    omspServer: SERVER,
  });
  const answer = { manifestHash: digestOf(app), status: status ?? '', thisUpdate: PRODUCED };
  const response: Metadata = {
    type: 'OMSP Response',
    server: SERVER,
    producedAt: PRODUCED,
    responses: [answer],
  };
  const metadata = [imageDescription(['rtm']), app, ...(status === undefined ? [] : [response])];
  return await judge(world, { metadata }, { checkOmsp: true });
}

async function judgeSnp(
  world: World,
  options: FakeSnpOptions = {},
  metadata: readonly Metadata[] = snpMetadata(world.amd),
): Promise<AttestationResult> {
  const { amd } = world;
  const measurers = [fakeSnp(amd.product, await createFakeChip(amd), options)];
  return await judge(world, { measurers, metadata }, { snpRoots: [amd.root] });
}

async function judgeTpm(
  world: World,
  options: Partial<FakeTpmOptions> = {},
  verifyOptions: VerifyChanges = {},
  references: Readonly<Record<number, readonly FakeEvent[]>> = BOOT,
): Promise<AttestationResult> {
  const key = createFakeKeySync('EC256');
  const { certificate } = await world.scene.ca.issue({
    key,
    commonName: 'attestation key',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['2.23.133.8.3'],
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2027-01-01T00:00:00Z'),
  });
  const measurers = [fakeTpm({ key, certs: [certificate], ...options })];
  const metadata = tpmMetadata(tpmReferences(references));
  return await judge(world, { measurers, metadata }, verifyOptions);
}

/** A machine that measures how another one booted, which the manifest knows. */
async function judgeBorrowedBoot(world: World): Promise<AttestationResult> {
  const [entry] = bootAggregateEntries(new Uint8Array(32).fill(7), 'SHA-256');
  if (entry === undefined) throw new Error('no entry');
  const extended = imaEntryDigest(entry, { bank: 'SHA-256' });
  const event = { name: 'boot_aggregate', data: '', extended };
  const pcrs = Array.from({ length: 10 }, (_, pcr) => [pcr, BOOT[pcr] ?? []] as const);
  const events = { ...Object.fromEntries(pcrs), 10: [event] };
  const property = { name: 'cmc.ima', value: encodeImaEntry(entry) ?? '' };
  return await judgeTpm(
    world,
    {
      events,
      artifacts: (all) =>
        all.map(({ events: list = [], ...log }) => ({
          ...log,
          events: list.map(({ properties = [], ...each }) => ({
            ...each,
            properties: each.name === event.name ? [...properties, property] : properties,
          })),
        })),
    },
    {},
    events,
  );
}

function remembering(version: string): MetadataVersionStore {
  return { lastSeen: () => version, remember: async () => undefined };
}

function replaced(report: Uint8Array, from: string, to: string): Uint8Array {
  return encodeUtf8(new TextDecoder().decode(report).replace(from, to));
}

/** Reports that nothing is wrong with: what the faults are made from. */
export const GOOD: readonly Omit<Fault, 'id'>[] = [
  { fault: 'software', make: (world) => judge(world) },
  { fault: 'a policy', make: (world) => judgePolicy(world, 'JSON.parse(json).certLevel === 1') },
  { fault: 'revocation status', make: (world) => judgeRevocation(world, 'good') },
  { fault: 'SEV-SNP', make: (world) => judgeSnp(world) },
  { fault: 'a TPM', make: (world) => judgeTpm(world) },
  {
    fault: 'a memory of versions',
    make: (world) => judge(world, {}, { metadataVersions: remembering('2026-05-01T00:00:00Z') }),
  },
];

export const FAULTS: readonly Fault[] = [
  {
    fault: 'A manifest has expired',
    id: 'metadata-expired',
    make: (world) =>
      judge(world, {
        metadata: changed(APP, {
          validity: { notBefore: '2026-05-01T00:00:00Z', notAfter: '2026-05-30T00:00:00Z' },
        }),
      }),
  },
  {
    fault: 'A manifest is not valid yet',
    id: 'metadata-not-yet-valid',
    make: (world) =>
      judge(world, {
        metadata: changed(APP, {
          validity: { notBefore: '2026-07-01T00:00:00Z', notAfter: '2026-12-31T00:00:00Z' },
        }),
      }),
  },
  {
    fault: "The verifier's clock is three days behind",
    id: 'verifier-clock',
    make: (world) => judge(world, {}, { now: new Date('2026-04-28T00:00:00Z') }),
  },
  {
    fault: 'A manifest that the image needs is missing',
    id: 'manifest-missing',
    make: (world) => judge(world, { metadata: goodMetadata().slice(0, -1) }),
  },
  {
    fault: 'A manifest is there twice',
    id: 'metadata-duplicate',
    make: (world) =>
      judge(world, {
        metadata: [
          ...goodMetadata(),
          ...changed(APP, { description: 'old' }).filter(({ name }) => name === APP),
        ],
      }),
  },
  {
    fault: 'A manifest is older than the one that was accepted before',
    id: 'metadata-rolled-back',
    make: (world) => judge(world, {}, { metadataVersions: remembering('2026-05-20T00:00:00Z') }),
  },
  {
    fault: 'A manifest is revoked',
    id: 'manifest-revoked',
    make: (world) => judgeRevocation(world, 'revoked'),
  },
  {
    fault: 'The revocation status of a manifest is missing',
    id: 'revocation-unknown',
    make: (world) => judgeRevocation(world, undefined),
  },
  {
    fault: 'Metadata is signed by a CA that is not trusted',
    id: 'signer-untrusted',
    make: (world) => {
      const stranger = createFakeCa({ commonName: 'Stranger' });
      return judge(world, {}, { metadataRoots: [parseCertificate(stranger.certificate)] });
    },
  },
  {
    fault: 'A byte of a signed manifest was changed',
    id: 'signature-invalid',
    make: async (world) => {
      const metadata = await Promise.all(goodMetadata().map((item) => world.scene.sign(item)));
      const [first, ...others] = metadata;
      const jws = JSON.parse(new TextDecoder().decode(first)) as { payload: string };
      const text = Buffer.from(jws.payload, 'base64url').toString().replace('de.test', 'de.tesT');
      jws.payload = Buffer.from(text).toString('base64url');
      return judge(world, { metadata: [encodeUtf8(JSON.stringify(jws)), ...others] });
    },
  },
  {
    fault: 'The nonce is another one',
    id: 'nonce-mismatch',
    make: (world) => judge(world, {}, { nonce: new Uint8Array(32) }),
  },
  {
    fault: 'The evidence is from another report',
    id: 'evidence-nonce-mismatch',
    make: (world) =>
      judge(world, { measurers: [fakeSoftware({ evidenceNonce: new Uint8Array(32) })] }),
  },
  {
    fault: 'The report is cut off',
    id: 'report-unreadable',
    make: (world) => judgeBytes(world, (report) => report.subarray(0, -1)),
  },
  {
    fault: 'The report is in another version of the format',
    id: 'report-version',
    make: (world) => judgeBytes(world, (report) => replaced(report, '"3.3.0"', '"3.2.0"')),
  },
  {
    fault: 'Software runs that no manifest knows',
    id: 'software-unknown',
    make: (world) =>
      judge(world, {
        measurers: [fakeSoftware({ events: [containerEvent(), containerEvent({ name: 'x' })] })],
      }),
  },
  {
    fault: 'Software runs with another configuration',
    id: 'software-unknown',
    make: (world) => {
      const spec = containerSpec(['PATH=/bin', 'DEBUG=1']);
      return judge(world, { measurers: [fakeSoftware({ events: [containerEvent({ spec })] })] });
    },
  },
  {
    fault: 'Required software does not run',
    id: 'software-missing',
    make: (world) =>
      judge(world, {
        metadata: [
          imageDescription(['rtm']),
          manifestOf('rtm', 'rtm', [containerReference(), containerReference({ name: 'guard' })]),
        ],
      }),
  },
  {
    fault: 'An entry was taken out of the log of software',
    id: 'software-log-altered',
    make: (world) =>
      judge(world, {
        measurers: [
          fakeSoftware({ aggregated: [containerEvent(), containerEvent({ name: 'x' })] }),
        ],
      }),
  },
  {
    fault: 'There is no evidence of hardware that a manifest needs',
    id: 'evidence-missing',
    make: (world) => {
      const [reference] = snpMetadata(world.amd)[1]?.sbom?.components ?? [];
      const components = [containerReference(), ...(reference === undefined ? [] : [reference])];
      const metadata = [imageDescription(['rtm']), manifestOf('rtm', 'rtm', components)];
      return judge(world, { metadata });
    },
  },
  {
    fault: 'The policy gives false',
    id: 'policy-denied',
    make: (world) => judgePolicy(world, 'JSON.parse(json).certLevel > 2'),
  },
  {
    fault: 'The policy has a mistake',
    id: 'policy-failed',
    make: (world) => judgePolicy(world, 'JSON.parse(json).nothing.there'),
  },
  {
    fault: 'Another boot loader was booted (PCR 4)',
    id: 'boot-event-unknown',
    make: (world) => {
      const [loader] = BOOT[4] ?? [];
      const event = { name: loader?.name ?? '', data: 'another boot loader' };
      return judgeTpm(world, { events: { ...BOOT, 4: [event] } });
    },
  },
  {
    fault: 'A file was run that no manifest knows (IMA)',
    id: 'ima-file-unknown',
    make: (world) => {
      const event = { name: '/usr/bin/evil', data: 'evil' };
      return judgeTpm(world, { events: { ...BOOT, 10: [...(BOOT[10] ?? []), event] } });
    },
  },
  {
    fault: 'The list of files (IMA) begins with the boot of another machine',
    id: 'boot-aggregate-mismatch',
    make: judgeBorrowedBoot,
  },
  {
    fault: 'An event was taken out of the boot log',
    id: 'quote-mismatch',
    make: (world) =>
      judgeTpm(world, {
        artifacts: (all) => all.map((one) => (one.index === 4 ? { ...one, events: [] } : one)),
      }),
  },
  {
    fault: 'A register that manifests have values for is not quoted',
    id: 'pcr-not-reported',
    make: (world) => {
      const { 4: _, ...events } = BOOT;
      return judgeTpm(world, { events });
    },
  },
  {
    fault: 'A virtual machine was set back to an old snapshot (clock of the TPM)',
    id: 'tpm-clock-backwards',
    make: (world) => {
      const lastSeen = () => ({ clock: 999_999n, resetCount: 9, restartCount: 0 });
      return judgeTpm(world, {}, { tpmClocks: { lastSeen, remember: async () => undefined } });
    },
  },
  {
    fault: 'An SEV-SNP guest can be debugged',
    id: 'snp-debug',
    make: (world) => judgeSnp(world, { patch: { 10: [0x0a] } }),
  },
  {
    fault: 'The TCB of an SEV-SNP host is too old',
    id: 'snp-tcb',
    make: (world) => {
      const versions = snpPolicy('Milan').versions?.map((version) => ({
        ...version,
        tcb: { ...version.tcb, bl: tcb.bl + 1 },
      }));
      return judgeSnp(world, {}, snpMetadata(world.amd, { versions: versions ?? null }));
    },
  },
  {
    fault: 'An SEV-SNP guest was launched with other firmware',
    id: 'snp-measurement',
    make: (world) => judgeSnp(world, { patch: { 144: [0] } }),
  },
];
