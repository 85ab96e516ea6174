import type { ImaKeyring } from '@cmc/ima';
import type { WaitOptions } from '../../contract.ts';
import type { Manifest } from '../../types/metadata.ts';
import type { Collateral, Component, Evidence, JsonObject } from '../../types/report.ts';
import type { MeasurementResult } from '../../types/result.ts';
import type { Certificate } from '../../x509/index.ts';

import type { TpmClock, TpmClockStore } from './tpm-clock.ts';

/** What vouches for a measurement: value of the property `cmc.ta` of reference components. */
export type TrustAnchor = 'TPM' | 'TDX' | 'SNP' | 'SGX' | 'IAS' | 'SW';

/** A reference component of a verified manifest. */
export interface Reference {
  readonly component: Component;
  /** Name of the manifest it is from. */
  readonly manifest: string;
  /** What may differ from the component's container configuration. */
  readonly ociRules?: JsonObject;
}

/** What a verifier of evidence gets. Only evidence and collateral come from the prover. */
export interface EvidenceInput extends WaitOptions {
  readonly evidence: Evidence;
  /** The collateral of the same type. */
  readonly collateral: Collateral;
  /** All reference values for the verifier's trust anchor. */
  readonly references: readonly Reference[];
  /** What the evidence must carry: hash of the report's context, as received. */
  readonly evidenceNonce: Uint8Array;
  /** Holds the policies and CA fingerprints; absent when there is no verified root manifest. */
  readonly rootManifest: Manifest | undefined;
  readonly roots: readonly Certificate[];
  readonly now: Date;
  /** Roots of SEV-SNP instead of AMD's. */
  readonly snpRoots?: readonly Certificate[];
  /** Revocation lists of SEV-SNP roots, DER. */
  readonly snpRevocationLists?: readonly Uint8Array[];
  /** See the options of `verify`. */
  readonly tpmClocks?: TpmClockStore;
  readonly tpmAllowTlsKeys?: boolean;
  readonly tpmAllowUncheckedBootAggregate?: boolean;
  /** Keys that may sign files. */
  readonly imaKeyring?: ImaKeyring;
  /** Anchors whose evidence was verified before this one. */
  readonly verifiedAnchors: ReadonlySet<TrustAnchor>;
}

export interface EvidenceOutcome {
  /** Of a TPM whose evidence was verified: to be remembered when the report is accepted. */
  readonly clock?: { readonly key: string; readonly value: TpmClock };
  /** Its summary is `success` only when everything about the evidence was verified. */
  readonly result: MeasurementResult;
  /** Whether hardware vouches for it. */
  readonly hardware: boolean;
}

/** Verifies one type of evidence. What it throws counts as evidence that is not verified. */
export interface EvidenceVerifier {
  /** `type` of the evidence: `SW Evidence`. */
  readonly evidenceType: string;
  /** `type` of its result: `SW Result`. */
  readonly resultType: string;
  readonly trustAnchor: TrustAnchor;
  verify(input: EvidenceInput): Promise<EvidenceOutcome>;
}
