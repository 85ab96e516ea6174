import type { EventData } from './event-data.ts';
import type { Metadata, Validity } from './metadata.ts';
import type { CtrData } from './report.ts';

/** What the verifier says about one report. */
export interface AttestationResult {
  readonly version: string;
  readonly type: string;
  readonly summary: Result;
  readonly prover: Endpoint;
  readonly verifier: Endpoint;
  /** RFC 3339 time of the verification. */
  readonly created?: string;
  readonly freshness: Result;
  /** Lowest certification level of all manifests. */
  readonly certLevel: number;
  readonly measurements: readonly MeasurementResult[] | null;
  readonly metadata: MetadataSummary;
}

/** `success`, `warn`, `fail`; empty for a check that was not reached. */
export type Status = 'success' | 'warn' | 'fail' | '';

/** Outcome of one check. */
export interface Result {
  /** A {@link Status}; text here because a result may come from another verifier. */
  readonly status: string;
  readonly got?: string;
  readonly expected?: string;
  readonly expectedOneOf?: readonly string[];
  readonly expectedBetween?: readonly string[];
  /** Numbers of `error-codes.ts`. */
  readonly errorCodes?: readonly number[];
  readonly details?: string;
}

export interface Endpoint {
  readonly hostname?: string;
  readonly ip?: string;
  readonly peerId?: string;
}

export interface MetadataSummary {
  readonly imageDescriptionResult: MetadataResult;
  readonly manifestResults: readonly MetadataResult[] | null;
  readonly companyDescriptionResult?: MetadataResult;
  readonly unknownResults?: readonly MetadataResult[];
  readonly compatibilityResult: CompatibilityResult;
  readonly omspSignatureResults?: readonly MetadataResult[];
}

/** One metadata item, its members flattened, and what the verifier says about it. */
export interface MetadataResult extends Metadata {
  readonly summary: Result;
  readonly validityCheck: Result;
  readonly signatureValidation?: readonly SignatureResult[];
  /** Hex digest of the signed item; present when revocation was checked. */
  readonly manifestHash?: string;
  readonly omspValidity?: Result;
  readonly omspStatus?: Result;
  readonly revocationTime?: string;
  readonly revocationReason?: string;
}

/** How image description and manifests fit together. */
export interface CompatibilityResult {
  readonly result: Result;
  readonly descriptionMatch?: readonly Result[];
  readonly manifestMatch?: readonly Result[];
  readonly manifestCompatibility?: readonly Result[];
}

/** Outcome for one evidence. */
export interface MeasurementResult {
  readonly type: string;
  readonly summary: Result;
  readonly freshness: Result;
  readonly signature: SignatureResult;
  readonly artifacts?: readonly DigestResult[];
  readonly tpmResult?: TpmResult;
  readonly snpResult?: SnpResult;
  readonly sgxResult?: SgxResult;
  readonly tdxResult?: TdxResult;
}

/** One measured or expected digest. */
export interface DigestResult {
  readonly success: boolean;
  readonly launched: boolean;
  /** `Verified`, `Measurement` (no reference), or the trust anchor's name (not measured). */
  readonly type?: string;
  readonly name?: string;
  readonly index: number;
  readonly digest?: Uint8Array;
  readonly hashAlg?: string;
  /** Hex, when it differs from `digest`. */
  readonly measured?: string;
  readonly description?: string;
  readonly eventData?: EventData;
  readonly ctrDetails?: CtrData;
  readonly version?: string;
  readonly purl?: string;
  /**
   * Addition to the reference format: no reference value knows the file, it was accepted by a
   * signature of the key with this id (hex).
   */
  readonly imaKeyId?: string;
}

export interface SignatureResult {
  readonly signatureVerification: Result;
  readonly certChainValidation: Result;
  /** Every validated chain, leaf first. */
  readonly certs?: readonly (readonly X509CertExtracted[] | null)[];
}

export interface TpmResult {
  readonly pcrMatch: readonly DigestResult[] | null;
  readonly aggPcrQuoteMatch: Result;
}

export interface SnpResult {
  readonly reportVersionMatch: Result;
  readonly fwCheck: VersionCheck;
  readonly tcbCheck: TcbCheck;
  readonly policyCheck: SnpPolicyCheck;
  readonly extensionsCheck: readonly Result[] | null;
}

export interface TcbCheck {
  readonly result: Result;
  readonly fmc: VersionCheck;
  readonly bl: VersionCheck;
  readonly tee: VersionCheck;
  readonly snp: VersionCheck;
  readonly ucode: VersionCheck;
}

export interface SnpPolicyCheck {
  readonly result: Result;
  readonly abi: VersionCheck;
  readonly smt: BooleanMatch;
  readonly migration: BooleanMatch;
  readonly debug: BooleanMatch;
  readonly singleSocket: BooleanMatch;
}

export interface VersionCheck {
  readonly success: boolean;
  readonly claimed: readonly number[] | null;
  readonly measured: readonly number[] | null;
}

export interface BooleanMatch {
  readonly success: boolean;
  readonly claimed: boolean;
  readonly measured: boolean;
}

export interface SgxResult {
  readonly quoteVersionMatch: Result;
  readonly tcbInfoCheck: TcbInfoResult;
  readonly qeReportCheck: QeReportResult;
  readonly sgxAttributesCheck: SgxAttributesCheck;
}

export interface SgxAttributesCheck {
  readonly initted: BooleanMatch;
  readonly debug: BooleanMatch;
  readonly mode64Bit: BooleanMatch;
  readonly provisionKey: BooleanMatch;
  readonly eInitToken: BooleanMatch;
  readonly kss: BooleanMatch;
  readonly legacy: BooleanMatch;
  readonly avx: BooleanMatch;
}

export interface TdxResult {
  readonly quoteVersionMatch: Result;
  readonly tcbInfoCheck: TcbInfoResult;
  readonly qeReportCheck: QeReportResult;
  readonly tdAttributesCheck: TdAttributesCheck;
  readonly seamAttributesCheck: Result;
  readonly xfamCheck: Result;
  readonly mrMatch: readonly DigestResult[] | null;
}

export interface TdAttributesCheck {
  readonly debug: BooleanMatch;
  readonly septVEDisable: BooleanMatch;
  readonly pks: BooleanMatch;
  readonly kl: BooleanMatch;
}

export interface TcbInfoResult {
  readonly summary: Result;
  readonly id: Result;
  readonly version: Result;
  readonly tcbLevelResult: TcbLevelResult;
}

export interface TcbLevelResult {
  readonly status: string;
  readonly date: string;
  readonly pceSvn: Result;
  readonly sgxComponents: readonly Result[] | null;
  readonly tdxComponents: readonly Result[] | null;
}

export interface QeReportResult {
  readonly summary: Result;
  readonly mrsigner: Result;
  readonly isvProdId: Result;
  readonly cpuSvn: Result;
  readonly isvSvn: Result;
  readonly miscSelect: Result;
  readonly attributes: Result;
  readonly status: string;
  readonly date: string;
}

/** Readable extract of an X.509 certificate, in the spellings of the reference format. */
export interface X509CertExtracted {
  readonly version: number;
  /** Hex without leading zeros. */
  readonly serialNumber: string;
  readonly issuer: X509Name;
  readonly subject: X509Name;
  /** `2006-01-02 15:04:05 +0000 UTC` */
  readonly validity: Validity;
  readonly keyUsage: readonly string[] | null;
  readonly signatureAlgorithm: string;
  readonly publicKeyAlgorithm: string;
  /** PEM, label `PUBLIC KEY`. */
  readonly publicKey: string;
  readonly pkixExtensions: readonly PkixExtension[] | null;
  readonly extKeyUsage?: readonly string[];
  /** Dotted OIDs. */
  readonly unknownExtKeyUsage?: readonly string[];
  readonly basicConstraintsValid: boolean;
  readonly isCA?: boolean;
  /** -1: basic constraints without a path length. */
  readonly maxPathLen?: number;
  readonly maxPathLenZero?: boolean;
  /** Empty: the certificate has none. */
  readonly subjectKeyId: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  readonly dnsNames?: readonly string[];
  readonly emailAddresses?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly uris?: readonly string[];
}

export interface PkixExtension {
  /** Dotted OID. */
  readonly id: string;
  readonly critical: boolean;
  readonly value: Uint8Array | null;
}

export interface X509Name {
  readonly country?: readonly string[];
  readonly organization?: readonly string[];
  readonly organizationalUnit?: readonly string[];
  readonly locality?: readonly string[];
  readonly province?: readonly string[];
  readonly streetAddress?: readonly string[];
  readonly postalCode?: readonly string[];
  readonly serialNumber?: string;
  readonly commonName?: string;
}
