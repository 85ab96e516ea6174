import type { JsonObject } from '@cmc/bytes';
import type { EventData } from './event-data.ts';
import type { Validity } from './metadata.ts';

export type { JsonObject, JsonValue } from '@cmc/bytes';
export type { Validity };

/** One attestation report as decoded. Nothing in it is verified. */
export interface UnverifiedReport {
  readonly version: string;
  readonly type: string;
  /** Name of the attester's host, as it says itself. */
  readonly name?: string;
  /** `b64` in JSON, `cbor` in CBOR. */
  readonly encoding: string;
  readonly evidences: readonly Evidence[] | null;
  readonly context: Context;
}

/**
 * A report that `verify()` accepted. Only `verify()` makes one: the brand exists in types alone, so
 * no report that was merely decoded can be handed to code that asks for this type.
 */
export interface VerifiedReport extends UnverifiedReport {
  readonly [verified]: true;
}
declare const verified: unique symbol;

/** What the evidence commits to: the evidence nonce is the hash of the encoded context. */
export interface Context {
  readonly type: string;
  /** Hash algorithm of the evidence nonce and of metadata digests. */
  readonly alg: string;
  readonly nonce: Uint8Array | null;
  readonly collateral: readonly Collateral[] | null;
  /** Lower-case hex digests of all metadata items, embedded or not. */
  readonly digests: readonly string[] | null;
  /** Signed metadata items by their digest; without those that the verifier has cached. */
  readonly metadata?: ReadonlyMap<string, Uint8Array>;
  readonly certs?: ReadonlyMap<string, Uint8Array>;
}

/** Signed by hardware or by a software key, over the evidence nonce. */
export interface Evidence {
  readonly type: string;
  readonly evidence: Uint8Array | null;
  readonly addData?: Uint8Array;
  readonly signature?: Uint8Array;
}

/** What is needed to appraise the evidence of the same type. */
export interface Collateral {
  readonly type: string;
  /** X.509, DER, leaf first. */
  readonly certs?: readonly Uint8Array[];
  /** Software driver: SubjectPublicKeyInfo as PEM text. */
  readonly key?: Uint8Array;
  readonly artifacts?: readonly Artifact[];
}

/** A measurement log or summary. */
export interface Artifact {
  readonly type: string;
  readonly index: number;
  readonly events?: readonly Component[];
}

/** A measured or a reference component (after CycloneDX). */
export interface Component {
  readonly type: string;
  readonly name: string;
  readonly hashes?: readonly ReferenceHash[];
  readonly version?: string;
  readonly optional?: boolean;
  readonly description?: string;
  readonly properties?: readonly Property[];
  readonly eventdata?: EventData;
  readonly ctrData?: CtrData;
  readonly intelCollateral?: IntelCollateral;
  readonly purl?: string;
}

export interface ReferenceHash {
  readonly alg: string;
  readonly content: Uint8Array;
}

export interface Property {
  readonly name: string;
  readonly value: string;
}

/** Configuration and root file system of a container. */
export interface CtrData {
  readonly configSha256: Uint8Array;
  readonly rootfsSha256: Uint8Array;
  /** OCI runtime specification (runtime-spec 1.3.0) as generic JSON. */
  readonly ociSpec?: JsonObject;
}

/** Payload of software evidence (a JWS). */
export interface SwEvidence {
  readonly nonce: Uint8Array | null;
  readonly sha256?: Uint8Array;
}

/** Intel TDX and SGX collateral: HTTP bodies as received, CRLs and certificates as DER. */
export interface IntelCollateral {
  readonly tcbInfo: Uint8Array | null;
  readonly qeIdentity: Uint8Array | null;
  readonly rootCaCrl: Uint8Array | null;
  readonly pckCrl: Uint8Array | null;
  readonly pckCrlIntermediateCert: Uint8Array | null;
  readonly pckCrlRootCert: Uint8Array | null;
  readonly tcbInfoIntermediateCert: Uint8Array | null;
  readonly tcbInfoRootCert: Uint8Array | null;
  readonly qeIdentityIntermediateCert: Uint8Array | null;
  readonly qeIdentityRootCert: Uint8Array | null;
}
