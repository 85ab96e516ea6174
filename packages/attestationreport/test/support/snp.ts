import { sign } from 'node:crypto';
import { encodeUtf8 } from '@cmc/bytes';
import {
  createFakeCa,
  createFakeKeySync,
  derInteger,
  derUtf8String,
  encodeFakeCrl,
  type FakeCa,
  type FakeExtension,
  type FakeKey,
  type IssueOptions,
} from '@cmc/testkit';
import type { Measurer } from '../../src/contract.ts';
import { SnpOid, type SnpProduct } from '../../src/snp/index.ts';
import type { Metadata, SnpPolicy } from '../../src/types/metadata.ts';
import type { Component } from '../../src/types/report.ts';
import { type Certificate, fingerprint, parseCertificate } from '../../src/x509/index.ts';
import { clock, imageDescription, manifest } from './scene.ts';

export const measurement: Uint8Array = new Uint8Array(48).fill(0xab);
const period = {
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};
/** Made once: an RSA key of this size takes its time. */
const rsa = createFakeKeySync('RSA4096');
const pss = { signature: 'PSS-SHA-384', key: rsa } as const;

/** When certificates are valid. */
export type Period = Readonly<Record<'notBefore' | 'notAfter', Date>>;

/** A hierarchy like AMD's for one generation. */
export interface FakeAmd {
  readonly product: SnpProduct;
  readonly root: Certificate;
  readonly ark: FakeCa;
  readonly ask: FakeCa;
  readonly asvk: FakeCa;
}

export async function createFakeAmd(
  product: SnpProduct,
  validity: Period = period,
): Promise<FakeAmd> {
  const common = { ...pss, ...validity };
  const ark = createFakeCa({ commonName: `ARK-${product}`, ...common });
  return {
    product,
    root: parseCertificate(ark.certificate),
    ark,
    ask: await ark.issueCa({ commonName: `SEV-${product}`, ...common }),
    asvk: await ark.issueCa({ commonName: `SEV-VLEK-${product}`, ...common }),
  };
}

export type FakeTcb = Readonly<Record<'fmc' | 'bl' | 'tee' | 'snp' | 'ucode', number>>;
export const tcb: FakeTcb = { fmc: 2, bl: 4, tee: 1, snp: 24, ucode: 219 };

/** What the chip certifies, and the ways in which it can be wrong. */
export interface FakeChipOptions {
  readonly vlek?: boolean;
  readonly tcb?: FakeTcb;
  readonly hwId?: Uint8Array;
  readonly cspId?: string;
  readonly issuer?: FakeCa;
  /** Instead of the extension with this OID; `undefined`: leaves it out. */
  readonly extensions?: ReadonlyMap<string, Uint8Array | undefined>;
  readonly certificate?: IssueOptions;
}

export interface FakeChip {
  readonly key: FakeKey;
  /** DER: leaf, intermediate, root. */
  readonly chain: readonly Uint8Array[];
}

export function chipIdOf(product: SnpProduct): Uint8Array {
  return new Uint8Array(product === 'Turin' ? 8 : 64).fill(0xc1);
}

const leafKey = createFakeKeySync('EC384');

export async function createFakeChip(
  amd: FakeAmd,
  options: FakeChipOptions = {},
): Promise<FakeChip> {
  const { product } = amd;
  const { vlek = false, tcb: svn = tcb, hwId = chipIdOf(product) } = options;
  const values = new Map<string, Uint8Array | undefined>([
    [SnpOid.structVersion, derInteger(product === 'Turin' ? 1 : 0)],
    [SnpOid.productName, ia5(product === 'Milan' ? 'Milan-B0' : product)],
    [SnpOid.bl, derInteger(svn.bl)],
    [SnpOid.tee, derInteger(svn.tee)],
    [SnpOid.snp, derInteger(svn.snp)],
    [SnpOid.ucode, derInteger(svn.ucode)],
    ...(product === 'Turin' ? [[SnpOid.fmc, derInteger(svn.fmc)] as const] : []),
    vlek ? [SnpOid.cspId, derUtf8String(options.cspId ?? 'cloud.example')] : [SnpOid.hwId, hwId],
    ...(options.extensions ?? []),
  ]);
  const extensions = [...values].flatMap(([oid, value]): FakeExtension[] =>
    value === undefined ? [] : [{ oid, value }],
  );
  const issuer = options.issuer ?? (vlek ? amd.asvk : amd.ask);
  const issued = await issuer.issue({
    commonName: vlek ? 'SEV-VLEK' : 'SEV-VCEK',
    key: leafKey,
    signature: 'PSS-SHA-384',
    ...period,
    extensions,
    ...options.certificate,
  });
  return { key: issued.key, chain: [...issued.chain, amd.ark.certificate] };
}

function ia5(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  return Uint8Array.of(0x16, bytes.length, ...bytes);
}

/** Bytes of a report by offset. */
export type ReportPatch = Readonly<Record<number, Uint8Array | readonly number[]>>;

const CPUIDS: Readonly<Record<SnpProduct, readonly number[]>> = {
  Milan: [0x19, 0x01, 1],
  Genoa: [0x19, 0x11, 1],
  Turin: [0x1a, 0x02, 1],
};

export function tcbBytes(product: SnpProduct, svn: FakeTcb = tcb): readonly number[] {
  return product === 'Turin'
    ? [svn.fmc, svn.bl, svn.tee, svn.snp, 0, 0, 0, svn.ucode]
    : [svn.bl, svn.tee, 0, 0, 0, 0, svn.snp, svn.ucode];
}

/** A report that everything is right with, unless patched; signed by `key`. */
export function fakeReport(
  product: SnpProduct,
  key: FakeKey,
  reportData: Uint8Array,
  patch: ReportPatch = {},
  afterwards: ReportPatch = {},
): Uint8Array {
  const report = new Uint8Array(1184);
  const current = tcbBytes(product);
  const put = (offset: number, bytes: Uint8Array | readonly number[]) => report.set(bytes, offset);
  put(0x00, [5]);
  put(0x08, [31, 0, 0x02]);
  put(0x34, [1]);
  put(0x38, current);
  put(0x40, [0x24]);
  put(0x50, reportData);
  put(0x90, measurement);
  put(0x180, current);
  put(0x188, CPUIDS[product]);
  put(0x1a0, chipIdOf(product));
  put(0x1e0, current);
  put(0x1e8, [29, 55, 1]);
  put(0x1ec, [29, 55, 1]);
  put(0x1f0, current);
  put(0x1f8, [0x0b]);
  put(0x200, [0x0f]);
  for (const [offset, bytes] of Object.entries(patch)) put(Number(offset), bytes);
  const signature = sign('sha384', report.subarray(0, 0x2a0), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  put(0x2a0, new Uint8Array(signature.subarray(0, 48)).reverse());
  put(0x2e8, new Uint8Array(signature.subarray(48)).reverse());
  for (const [offset, bytes] of Object.entries(afterwards)) put(Number(offset), bytes);
  return report;
}

export interface FakeSnpOptions {
  readonly patch?: ReportPatch;
  /** After the signature was made. */
  readonly afterwards?: ReportPatch;
  readonly nonce?: Uint8Array;
  readonly change?: (report: Uint8Array) => Uint8Array;
}

/** A {@link Measurer} over a chip in memory. */
export function fakeSnp(
  product: SnpProduct,
  chip: FakeChip,
  options: FakeSnpOptions = {},
): Measurer {
  return {
    name: 'snp',
    prepare: async () => ({
      collateral: [{ type: 'SNP Evidence', certs: chip.chain }],
      measure: async (nonce) => {
        const { patch, afterwards, change = (report: Uint8Array) => report } = options;
        const data = options.nonce ?? nonce;
        const report = fakeReport(product, chip.key, data, patch, afterwards);
        return [{ type: 'SNP Evidence', evidence: change(report) }];
      },
    }),
  };
}

export function snpReference(hash: Uint8Array = measurement, alg = 'SHA-384'): Component {
  return {
    type: 'firmware',
    name: 'OVMF',
    hashes: [{ alg, content: hash }],
    properties: [{ name: 'cmc.ta', value: 'SNP' }],
  };
}

/** A policy that the report of {@link fakeReport} just meets. */
export function snpPolicy(product: SnpProduct, changes: Partial<SnpPolicy> = {}): SnpPolicy {
  return {
    reportMinVersion: 2,
    reportMaxVersion: 5,
    policy: {
      type: 'SNP Policy',
      singleSocket: false,
      debug: false,
      migration: false,
      smt: false,
      abiMajor: 0,
      abiMinor: 31,
    },
    versions: [
      {
        name: product,
        fw: { major: 1, minor: 55, build: 29 },
        tcb: { ...tcb, fmc: product === 'Turin' ? tcb.fmc : 0 },
      },
    ],
    ...changes,
  };
}

/** Metadata of a host whose firmware alone is measured. */
export function snpMetadata(
  amd: FakeAmd,
  policy: Partial<SnpPolicy> = {},
  changes: Partial<Metadata> = {},
): Metadata[] {
  return [
    imageDescription(['de.test.rtm']),
    manifest('de.test.rtm', 'de.test.rtm', {
      certLevel: 3,
      caFingerprints: [fingerprint(amd.root)],
      snpPolicy: snpPolicy(amd.product, policy),
      sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components: [snpReference()] },
      ...changes,
    }),
  ];
}

const DAY_MS = 86_400_000;

/** A list of the root (DER) over the authorities below it, for a day from now unless it says otherwise. */
export function rootRevocationList(
  { ask, ark }: FakeAmd,
  options: { readonly isRevoked?: boolean; readonly to?: number } = {},
): Uint8Array {
  const { isRevoked = false, to = DAY_MS } = options;
  const { serialNumber } = parseCertificate(ask.certificate);
  const now = clock.now().getTime();
  return encodeFakeCrl({
    issuer: { commonName: 'ARK-Milan' },
    key: ark.key,
    signature: 'PSS-SHA-384',
    revoked: isRevoked ? [serialNumber] : [],
    thisUpdate: new Date(now - DAY_MS),
    nextUpdate: new Date(now + to),
  });
}
