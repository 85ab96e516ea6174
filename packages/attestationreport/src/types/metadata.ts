import type { Component, JsonObject } from './report.ts';

/**
 * Payload of a signed metadata item. All kinds share one flat object; `type` says which kind it is:
 * `Manifest`, `Image Description`, `Manifest Description`, `Company Description`, `OMSP Response`.
 */
export interface Metadata extends MetaInfo, Manifest, ImageDescription, OmspResponse {}

/** What every kind of metadata begins with. */
export interface MetaInfo {
  readonly type: string;
  readonly name?: string;
  /** RFC 3339 time; the newest item of a name is the current one. */
  readonly version?: string;
  readonly validity?: Validity;
  readonly description?: string;
}

/** A period, both ends RFC 3339. */
export interface Validity {
  readonly notBefore: string;
  readonly notAfter: string;
}

/** Reference values and requirements of one layer of software. */
export interface Manifest {
  readonly sbom?: Sbom;
  readonly developerCommonName?: string;
  /** Names of the manifests below; the root manifest names itself. */
  readonly baseLayers?: readonly string[];
  readonly certLevel?: number;
  /** Hex SHA-256 of hardware vendors' root certificates (DER). */
  readonly caFingerprints?: readonly string[];
  readonly snpPolicy?: SnpPolicy;
  readonly tdxPolicy?: TdxPolicy;
  readonly sgxPolicy?: SgxPolicy;
  readonly details?: JsonObject;
  /** URL of the OMSP server. In flat {@link Metadata} it exists in JSON only (see `location`). */
  readonly omspServer?: string;
}

/** What runs on an image: which manifests, each with its rules. */
export interface ImageDescription {
  /**
   * Where the image is installed. In flat {@link Metadata} this and `omspServer` have one CBOR key;
   * neither is written to CBOR nor read from it.
   */
  readonly location?: string;
  readonly descriptions?: readonly ManifestDescription[];
}

export interface ManifestDescription {
  readonly type: string;
  readonly name: string;
  readonly description?: string;
  /** Name of a manifest. */
  readonly manifest?: string;
  /** Which members of a container's OCI specification may differ from its reference. */
  readonly ociRules?: JsonObject;
}

/** What a server for the revocation of manifests is asked. */
export interface OmspRequest {
  /** Version of the format of reports. */
  readonly arVersion: string;
  /** Hex digests of signed manifests. */
  readonly requests: readonly string[];
}

/** Revocation status of manifests, signed by an OMSP server. */
export interface OmspResponse {
  readonly server?: string;
  /** RFC 3339. */
  readonly producedAt?: string;
  readonly responses?: readonly SingleOmspResponse[];
}

export interface SingleOmspResponse {
  /** Hex digest of the signed manifest. */
  readonly manifestHash: string;
  /** `good`, `outdated`, `revoked` or `unknown`. */
  readonly status: string;
  readonly thisUpdate: string;
  readonly nextUpdate?: string;
  readonly revocationTime?: string;
  readonly revocationReason?: string;
}

/** Bill of materials (after CycloneDX) whose components carry the reference values. */
export interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly version?: number;
  readonly components?: readonly Component[];
}

/** What AMD SEV-SNP reports must say. */
export interface SnpPolicy extends SnpRequirements {
  readonly reportMinVersion: number;
  readonly reportMaxVersion: number;
  /** The most that the guest's own policy may allow, and the least that it must demand. */
  readonly policy: SnpGuestPolicy;
  readonly versions: readonly SnpVersion[] | null;
}

/**
 * What this verifier checks beyond the reference format. Absent members (empty lists and zeros are
 * like absent ones) have strict defaults.
 */
export interface SnpRequirements {
  /** Privilege level that must have asked for the report. Default: 0. */
  readonly vmpl?: number;
  /** Least security version number of the guest. Default: 0. */
  readonly guestSvn?: number;
  /** 16 bytes. Default: any. */
  readonly familyId?: Uint8Array;
  /** 16 bytes. Default: any. */
  readonly imageId?: Uint8Array;
  /** 32 bytes. Default: any. */
  readonly hostData?: Uint8Array;
  /** SHA-384 of keys, one of which must have signed the id block. Default: any or none. */
  readonly idKeyDigests?: readonly Uint8Array[];
  /** SHA-384 of keys, one of which must have signed the id key. Default: any or none. */
  readonly authorKeyDigests?: readonly Uint8Array[];
  /** Allows guests that may run with memory on CXL devices. Default: no. */
  readonly allowCxl?: boolean;
  /** Names of {@link SnpGuestRequirement}. Default: none. */
  readonly requiredGuestPolicy?: readonly string[];
  /** Names of {@link SnpPlatformRequirement}. Default: none. */
  readonly requiredPlatform?: readonly string[];
  /** Mitigations that must have been there at launch: 8 bytes, big endian bits. Default: none. */
  readonly launchMitigations?: Uint8Array;
  /** Mitigations that must be there now: 8 bytes, big endian bits. Default: none. */
  readonly currentMitigations?: Uint8Array;
  /** Allows firmware that can still be rolled back (committed older than current). Default: no. */
  readonly allowProvisionalFirmware?: boolean;
  /** Cloud providers whose keys (VLEK) may sign reports. Default: none. */
  readonly cspIds?: readonly string[];
  /** Processor generations that are refused whatever `versions` says. Default: none. */
  readonly deniedGenerations?: readonly string[];
  /** Chip ids (64 bytes, 8 for Turin) that are refused. Default: none. */
  readonly deniedChips?: readonly Uint8Array[];
  /** Chip ids (64 bytes, 8 for Turin), of which it must be one. Default: any. */
  readonly allowedChips?: readonly Uint8Array[];
}

/** Restrictions that the guest's policy can demand of the platform. */
export type SnpGuestRequirement =
  | 'memAes256Xts'
  | 'raplDis'
  | 'ciphertextHiding'
  | 'pageSwapDisable';
/** Properties of the platform that the report vouches for. */
export type SnpPlatformRequirement =
  | 'tsme'
  | 'ecc'
  | 'raplDisabled'
  | 'ciphertextHiding'
  | 'aliasCheckComplete'
  | 'smtDisabled';

export interface SnpGuestPolicy {
  readonly type: string;
  readonly singleSocket: boolean;
  readonly debug: boolean;
  readonly migration: boolean;
  readonly smt: boolean;
  readonly abiMajor: number;
  readonly abiMinor: number;
}

/** Minimum versions for one processor generation (`Milan`, `Genoa`, `Turin`). */
export interface SnpVersion {
  readonly name: string;
  readonly fw: SnpFirmware;
  readonly tcb: SnpTcb;
}

export interface SnpFirmware {
  readonly build: number;
  readonly major: number;
  readonly minor: number;
}

export interface SnpTcb {
  readonly fmc: number;
  readonly bl: number;
  readonly tee: number;
  readonly snp: number;
  readonly ucode: number;
}

/** What Intel TDX quotes must say. */
export interface TdxPolicy {
  readonly quoteVersion: number;
  readonly tdId: TdId;
  /** 8 bytes. */
  readonly xfam: Uint8Array;
  readonly tdAttributes: TdAttributes;
  readonly acceptedTcbStatuses?: readonly string[];
}

export interface TdId {
  readonly mrOwner: Uint8Array;
  readonly mrOwnerConfig: Uint8Array;
  readonly mrConfigId: Uint8Array;
}

export interface TdAttributes {
  readonly debug: boolean;
  readonly septVEDisable: boolean;
  readonly pks: boolean;
  readonly kl: boolean;
}

/** What Intel SGX quotes must say. */
export interface SgxPolicy {
  readonly quoteVersion: number;
  readonly mrSigner: Uint8Array;
  readonly isvSvn: number;
  readonly attributes: SgxAttributes;
  readonly acceptedTcbStatuses?: readonly string[];
}

export interface SgxAttributes {
  readonly initted: boolean;
  readonly debug: boolean;
  readonly mode64Bit: boolean;
  readonly provisionKey: boolean;
  readonly eInitToken: boolean;
  readonly kss: boolean;
  readonly legacy: boolean;
  readonly avx: boolean;
}
