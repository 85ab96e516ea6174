import { ByteWriter, concatBytes } from '@cmc/bytes';
import {
  createFakeKeySync,
  type FakeKey,
  type FakeSignatureAlgorithm,
  fakeSigner,
} from '@cmc/testkit';
import { encodeTpmlPcrSelection, encodeTpmtSignature, type HashName } from 'tpm2-ts/verify';
import type { Measurer } from '../../src/contract.ts';
import { digest } from '../../src/crypto/index.ts';
import type { Metadata } from '../../src/types/metadata.ts';
import type { Artifact, Component, Evidence } from '../../src/types/report.ts';
import { imageDescription, manifest } from './scene.ts';

/** An event: its name, and what was measured. */
export interface FakeEvent {
  readonly name: string;
  readonly data: string;
  /** What is extended. Default: the digest of the data. */
  readonly extended?: Uint8Array;
}

/** Boot of a machine by PCR. */
export const BOOT: Readonly<Record<number, readonly FakeEvent[]>> = {
  0: [
    { name: 'EV_S_CRTM_VERSION', data: 'firmware 1.0' },
    { name: 'EV_SEPARATOR', data: 'separator 0' },
  ],
  4: [{ name: 'EV_EFI_BOOT_SERVICES_APPLICATION', data: 'boot loader' }],
  10: [{ name: 'init', data: '/sbin/init' }],
  11: [],
};

export function digestOfEvent(
  { data, extended }: FakeEvent,
  bank: HashName = 'SHA-256',
): Uint8Array {
  return extended ?? digest(bank, new TextEncoder().encode(data));
}

export function tpmComponent(
  pcr: number,
  event: FakeEvent,
  changes: Partial<Component> = {},
  bank: HashName = 'SHA-256',
): Component {
  return {
    type: 'firmware',
    name: event.name,
    hashes: [{ alg: bank, content: digestOfEvent(event, bank) }],
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: String(pcr) },
    ],
    ...changes,
  };
}

export interface FakeTpmOptions {
  readonly events?: Readonly<Record<number, readonly FakeEvent[]>>;
  readonly bank?: HashName;
  /** Scheme of the attestation key: `ES256`, `RS256`, `PS256`, ... */
  readonly algorithm?: FakeSignatureAlgorithm;
  readonly key?: FakeKey;
  readonly certs: readonly Uint8Array[];
  readonly clockInfo?: {
    readonly clock: bigint;
    readonly resetCount: number;
    readonly restartCount: number;
    readonly safe: boolean;
  };
  /** PCRs that are quoted. Default: all that have a log. */
  readonly quoted?: readonly number[];
  readonly nonce?: Uint8Array;
  /** Start of PCR 0. Default 0. */
  readonly locality?: number;
  readonly artifacts?: (artifacts: readonly Artifact[]) => readonly Artifact[];
  /** Changes what is signed. */
  readonly attest?: (bytes: Uint8Array) => Uint8Array;
  /** Changes what was signed. */
  readonly evidence?: (bytes: Uint8Array) => Uint8Array;
  readonly signature?: (bytes: Uint8Array) => Uint8Array;
}

const DEFAULT_CLOCK = { clock: 1000n, resetCount: 5, restartCount: 1, safe: true };
const SIZE = { 'SHA-1': 20, 'SHA-256': 32, 'SHA-384': 48, 'SHA-512': 64 } as const;

/** A TPM in memory, with the logs of a boot. */
export function fakeTpm(options: FakeTpmOptions): Measurer {
  const { events = BOOT, bank = 'SHA-256', certs, locality = 0 } = options;
  const key = options.key ?? createFakeKeySync('EC256');
  const artifacts = Object.entries(events).map(([index, list]): Artifact => {
    const pcr = Number(index);
    const start =
      pcr === 0
        ? [
            tpmComponent(
              pcr,
              { name: 'TPM_PCR_INIT_VALUE', data: '' },
              {
                hashes: [{ alg: bank, content: startValue(locality, bank) }],
              },
            ),
          ]
        : [];
    return {
      type: 'PCR Eventlog',
      index: pcr,
      events: [...start, ...list.map((event) => tpmComponent(pcr, event, {}, bank))],
    };
  });
  return {
    name: 'tpm',
    prepare: async () => ({
      collateral: [
        { type: 'TPM Evidence', certs, artifacts: options.artifacts?.(artifacts) ?? artifacts },
      ],
      measure: async (nonce) => {
        const values = new Map(
          Object.entries(events).map(([pcr, list]) => [
            Number(pcr),
            replay(Number(pcr), list, bank, locality),
          ]),
        );
        const made = quote(options.nonce ?? nonce, values, bank, options);
        const attest = options.attest?.(made) ?? made;
        const signature = await signQuote(attest, key, options.algorithm);
        return [
          {
            type: 'TPM Evidence',
            evidence: options.evidence?.(attest) ?? attest,
            signature: options.signature?.(signature) ?? signature,
          },
        ];
      },
    }),
  };
}

/** Evidence that was made elsewhere, whatever the nonce, or that `evidenceFor` makes of it. */
export function recordedTpm(
  certs: readonly Uint8Array[],
  artifacts: readonly Artifact[],
  evidenceFor: (nonce: Uint8Array) => Promise<Pick<Evidence, 'evidence' | 'signature'>>,
): Measurer {
  return {
    name: 'tpm',
    prepare: async () => ({
      collateral: [{ type: 'TPM Evidence', certs, artifacts }],
      measure: async (nonce) => [{ type: 'TPM Evidence', ...(await evidenceFor(nonce)) }],
    }),
  };
}

function startValue(locality: number, bank: HashName): Uint8Array {
  const value = new Uint8Array(SIZE[bank]);
  value[value.length - 1] = locality;
  return value;
}

/** The value of a PCR after events. */
export function replay(
  pcr: number,
  events: readonly FakeEvent[],
  bank: HashName,
  locality = 0,
): Uint8Array {
  const drtm = pcr >= 17 && pcr <= 22;
  let value =
    pcr === 0 ? startValue(locality, bank) : new Uint8Array(SIZE[bank]).fill(drtm ? 255 : 0);
  for (const event of events) {
    value = digest(bank, concatBytes(value, digestOfEvent(event, bank)));
  }
  return value;
}

function quote(
  nonce: Uint8Array,
  values: ReadonlyMap<number, Uint8Array>,
  bank: HashName,
  { quoted, clockInfo = DEFAULT_CLOCK, algorithm = 'ES256' }: FakeTpmOptions,
): Uint8Array {
  const pcrs = [...(quoted ?? values.keys())].sort((a, b) => a - b);
  const hash = `SHA-${algorithm.slice(2)}` as HashName;
  const pcrDigest = digest(
    hash,
    concatBytes(...pcrs.map((pcr) => values.get(pcr) ?? new Uint8Array(SIZE[bank]))),
  );
  return new ByteWriter()
    .u32(0xff544347)
    .u16(0x8018)
    .sized16(concatBytes(Uint8Array.of(0, 0x0b), new Uint8Array(32).fill(1)))
    .sized16(nonce)
    .u64(clockInfo.clock)
    .u32(clockInfo.resetCount)
    .u32(clockInfo.restartCount)
    .u8(clockInfo.safe ? 1 : 0)
    .u64(0x1234n)
    .bytes(encodeTpmlPcrSelection([{ bank, pcrs }]))
    .sized16(pcrDigest)
    .finish();
}

/** Signs as a TPM does. */
export async function signQuote(
  attest: Uint8Array,
  key: FakeKey,
  algorithm: FakeSignatureAlgorithm = 'ES256',
): Promise<Uint8Array> {
  const bytes = await fakeSigner(key).signMessage(attest, algorithm);
  const hash = `SHA-${algorithm.slice(2)}` as HashName;
  if (algorithm.startsWith('ES')) {
    const half = bytes.length / 2;
    const [r, s] = [bytes.subarray(0, half), bytes.subarray(half)];
    return encodeTpmtSignature({ scheme: 'ECDSA', hash, r, s });
  }
  const scheme = algorithm.startsWith('PS') ? 'RSAPSS' : 'RSASSA';
  return encodeTpmtSignature({ scheme, hash, signature: bytes });
}

/** Reference values of a boot. */
export function tpmReferences(
  events: Readonly<Record<number, readonly FakeEvent[]>> = BOOT,
  bank: HashName = 'SHA-256',
): Component[] {
  return Object.entries(events).flatMap(([pcr, list]) =>
    list.map((event) => tpmComponent(Number(pcr), event, {}, bank)),
  );
}

/** Metadata of a host with a measured boot and no containers. */
export function tpmMetadata(components: readonly Component[] = tpmReferences()): Metadata[] {
  return [
    imageDescription(['de.test.rtm']),
    manifest('de.test.rtm', 'de.test.rtm', {
      certLevel: 3,
      sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components },
    }),
  ];
}
