import { DecodeError } from '@cmc/bytes';
import { productOfCpuid, type SnpCpuid, type SnpProduct } from './product.ts';

/** Length of an attestation report. */
export const SNP_REPORT_BYTES = 1184;
/** Length of the part of it that is signed. */
export const SNP_SIGNED_BYTES = 0x2a0;
/** Versions of the structure that are understood. */
export const SNP_REPORT_VERSIONS: readonly number[] = Object.freeze([2, 3, 4, 5]);

/** Which key signed a report: of the chip, or one that a cloud provider got from AMD. */
export type SnpSigningKey = 'VCEK' | 'VLEK';

/** What the owner of the guest allowed and demanded at launch (AMD 56860, Guest Policy). */
export interface SnpGuestPolicyBits {
  readonly raw: bigint;
  readonly abiMinor: number;
  readonly abiMajor: number;
  readonly smt: boolean;
  readonly migration: boolean;
  readonly debug: boolean;
  readonly singleSocket: boolean;
  readonly cxlAllow: boolean;
  readonly memAes256Xts: boolean;
  readonly raplDis: boolean;
  readonly ciphertextHiding: boolean;
  readonly pageSwapDisable: boolean;
}

/** How the platform is configured (PLATFORM_INFO). */
export interface SnpPlatformInfo {
  readonly raw: bigint;
  readonly smt: boolean;
  readonly tsme: boolean;
  readonly ecc: boolean;
  readonly raplDisabled: boolean;
  readonly ciphertextHiding: boolean;
  readonly aliasCheckComplete: boolean;
  readonly tio: boolean;
}

export interface SnpFirmwareVersion {
  readonly build: number;
  readonly minor: number;
  readonly major: number;
}

/** An attestation report, version 2 to 5, as decoded. Nothing in it is verified. */
export interface SnpReport {
  readonly raw: Uint8Array;
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: SnpGuestPolicyBits;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  readonly vmpl: number;
  readonly signatureAlgo: number;
  readonly platformInfo: SnpPlatformInfo;
  readonly flags: number;
  readonly authorKeyEn: boolean;
  readonly maskChipKey: boolean;
  /** 0 VCEK, 1 VLEK, 7 none. */
  readonly signingKey: number;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  readonly reportId: Uint8Array;
  readonly reportIdMa: Uint8Array;
  /** Since version 3. */
  readonly cpuid?: SnpCpuid;
  readonly chipId: Uint8Array;
  /** 8 bytes each; what they mean depends on the generation (`decodeTcb`). */
  readonly currentTcb: Uint8Array;
  readonly reportedTcb: Uint8Array;
  readonly committedTcb: Uint8Array;
  readonly launchTcb: Uint8Array;
  readonly currentFw: SnpFirmwareVersion;
  readonly committedFw: SnpFirmwareVersion;
  /** Since version 5. */
  readonly launchMitVector?: bigint;
  /** Since version 5. */
  readonly currentMitVector?: bigint;
  /** Little endian, 72 bytes. */
  readonly signatureR: Uint8Array;
  /** Little endian, 72 bytes. */
  readonly signatureS: Uint8Array;
}

const CPUID_SINCE = 3;
const MITIGATIONS_SINCE = 5;
const POLICY_RESERVED_FROM = 26n;
const PLATFORM_RESERVED_FROM = 8n;
const FLAGS_RESERVED = ~0x1f;
const MAX_VMPL = 3;

/**
 * Decodes an attestation report (AMD 56860, ATTESTATION_REPORT): exactly its length, a version that
 * is understood, and zero in everything that must be zero, whether signed or not.
 * @throws {DecodeError}
 */
export function parseSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== SNP_REPORT_BYTES) {
    throw new DecodeError(
      bytes.length < SNP_REPORT_BYTES ? 'ERR_DECODE_TRUNCATED' : 'ERR_DECODE_TRAILING',
      `expected ${SNP_REPORT_BYTES} bytes, got ${bytes.length}`,
      { path: ['SnpReport'], offset: Math.min(bytes.length, SNP_REPORT_BYTES) },
    );
  }
  const raw = new Uint8Array(bytes);
  const view = new DataView(raw.buffer);
  const version = view.getUint32(0, true);
  if (!SNP_REPORT_VERSIONS.includes(version)) {
    invalid('version', 0, `expected one of ${SNP_REPORT_VERSIONS.join(', ')}, got ${version}`);
  }
  const flags = view.getUint32(0x48, true);
  const vmpl = view.getUint32(0x30, true);
  // 0xffffffff: the host asked for the report, not the guest.
  if (vmpl > MAX_VMPL) invalid('vmpl', 0x30, `expected at most ${MAX_VMPL}, got ${vmpl}`);
  if ((flags & FLAGS_RESERVED) !== 0) invalid('flags', 0x48, 'reserved bits are set');
  requireZeros(raw, version);
  return Object.freeze({
    raw,
    version,
    guestSvn: view.getUint32(0x04, true),
    policy: decodePolicy(view.getBigUint64(0x08, true)),
    familyId: raw.slice(0x10, 0x20),
    imageId: raw.slice(0x20, 0x30),
    vmpl,
    signatureAlgo: view.getUint32(0x34, true),
    platformInfo: decodePlatformInfo(view.getBigUint64(0x40, true)),
    flags,
    authorKeyEn: (flags & 1) !== 0,
    maskChipKey: (flags & 2) !== 0,
    signingKey: (flags >> 2) & 7,
    reportData: raw.slice(0x50, 0x90),
    measurement: raw.slice(0x90, 0xc0),
    hostData: raw.slice(0xc0, 0xe0),
    idKeyDigest: raw.slice(0xe0, 0x110),
    authorKeyDigest: raw.slice(0x110, 0x140),
    reportId: raw.slice(0x140, 0x160),
    reportIdMa: raw.slice(0x160, 0x180),
    ...(version < CPUID_SINCE
      ? {}
      : {
          cpuid: {
            family: raw[0x188] ?? 0,
            model: raw[0x189] ?? 0,
            stepping: raw[0x18a] ?? 0,
          },
        }),
    chipId: raw.slice(0x1a0, 0x1e0),
    currentTcb: raw.slice(0x38, 0x40),
    reportedTcb: raw.slice(0x180, 0x188),
    committedTcb: raw.slice(0x1e0, 0x1e8),
    launchTcb: raw.slice(0x1f0, 0x1f8),
    currentFw: firmwareAt(raw, 0x1e8),
    committedFw: firmwareAt(raw, 0x1ec),
    ...(version < MITIGATIONS_SINCE
      ? {}
      : {
          launchMitVector: view.getBigUint64(0x1f8, true),
          currentMitVector: view.getBigUint64(0x200, true),
        }),
    signatureR: raw.slice(0x2a0, 0x2e8),
    signatureS: raw.slice(0x2e8, 0x330),
  });
}

/** Which key signed the report, as it says; `undefined` for none and for unknown ones. */
export function signingKeyOf({ signingKey }: SnpReport): SnpSigningKey | undefined {
  if (signingKey === 0) return 'VCEK';
  return signingKey === 1 ? 'VLEK' : undefined;
}

/** The generation that the report names; `undefined` when it names none that is known. */
export function productOfReport({ cpuid }: SnpReport): SnpProduct | undefined {
  return cpuid && productOfCpuid(cpuid);
}

function decodePolicy(raw: bigint): SnpGuestPolicyBits {
  const bit = (index: bigint): boolean => ((raw >> index) & 1n) === 1n;
  if (!bit(17n)) invalid('policy', 0x08, 'bit 17 must be one');
  if (raw >> POLICY_RESERVED_FROM !== 0n) invalid('policy', 0x08, 'reserved bits are set');
  return {
    raw,
    abiMinor: Number(raw & 0xffn),
    abiMajor: Number((raw >> 8n) & 0xffn),
    smt: bit(16n),
    migration: bit(18n),
    debug: bit(19n),
    singleSocket: bit(20n),
    cxlAllow: bit(21n),
    memAes256Xts: bit(22n),
    raplDis: bit(23n),
    ciphertextHiding: bit(24n),
    pageSwapDisable: bit(25n),
  };
}

function decodePlatformInfo(raw: bigint): SnpPlatformInfo {
  const bit = (index: bigint): boolean => ((raw >> index) & 1n) === 1n;
  if (raw >> PLATFORM_RESERVED_FROM !== 0n) invalid('platformInfo', 0x40, 'reserved bits are set');
  return {
    raw,
    smt: bit(0n),
    tsme: bit(1n),
    ecc: bit(2n),
    raplDisabled: bit(3n),
    ciphertextHiding: bit(4n),
    aliasCheckComplete: bit(5n),
    tio: bit(7n),
  };
}

function firmwareAt(raw: Uint8Array, offset: number): SnpFirmwareVersion {
  return { build: raw[offset] ?? 0, minor: raw[offset + 1] ?? 0, major: raw[offset + 2] ?? 0 };
}

function requireZeros(raw: Uint8Array, version: number): void {
  const reserved: readonly (readonly [number, number])[] = [
    [0x4c, 0x50],
    [version < CPUID_SINCE ? 0x188 : 0x18b, 0x1a0],
    [0x1eb, 0x1ec],
    [0x1ef, 0x1f0],
    [version < MITIGATIONS_SINCE ? 0x1f8 : 0x208, SNP_SIGNED_BYTES],
    [0x330, SNP_REPORT_BYTES],
  ];
  for (const [from, to] of reserved) {
    const at = raw.subarray(from, to).findIndex((byte) => byte !== 0);
    if (at >= 0) invalid('reserved', from + at, 'expected zero');
  }
}

function invalid(name: string, offset: number, message: string): never {
  throw new DecodeError('ERR_DECODE_VALUE', message, { path: ['SnpReport', name], offset });
}
