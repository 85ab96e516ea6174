import type { WaitOptions } from '../contract.ts';
import type { PolicyEngine } from '../policy/policy-engine.ts';
import type { VerifiedReport } from '../types/report.ts';
import type { AttestationResult } from '../types/result.ts';
import type { Certificate } from '../x509/index.ts';
import type { TpmClockStore } from './evidence/tpm-clock.ts';
import type { MetadataVersionStore } from './version-store.ts';

/** What a verifier demands. */
export interface VerifyOptions extends WaitOptions {
  /** What the report must carry: chosen by the verifier, new for every report, 8 to 64 bytes. */
  readonly nonce: Uint8Array;
  /** Who may sign metadata; at least one. */
  readonly metadataRoots: readonly Certificate[];
  /** Time of the verification. Default: now. */
  readonly now?: Date;
  /** Copied into the result. */
  readonly peer?: { readonly id?: string; readonly address?: string };
  /** Signed metadata items that the report may leave out, by digest. They are verified again. */
  readonly cachedMetadata?: ReadonlyMap<string, Uint8Array>;
  /** Source of a policy, which must accept. Needs {@link VerifyOptions.policyEngine}. */
  readonly policies?: Uint8Array;
  readonly policyEngine?: PolicyEngine;
  /** Allows a policy to turn a failure into a warning. Default: no. */
  readonly policyOverwrite?: boolean;
  /** Requires a signature over the whole report. Default: no; one that is there must verify. */
  readonly requireReportSignature?: boolean;
  /** Who may sign reports. Default: {@link VerifyOptions.metadataRoots}. */
  readonly reportRoots?: readonly Certificate[];
  /** Checks manifests that name an OMSP server for revocation. Default: no. */
  readonly checkOmsp?: boolean;
  /** Like {@link VerifyOptions.checkOmsp}; manifests that name no server are refused. */
  readonly requireOmsp?: boolean;
  /** Refuses metadata that is older than what was accepted before. Default: no memory. */
  readonly metadataVersions?: MetadataVersionStore;
  /**
   * Trusts these roots of SEV-SNP instead of AMD's, which are pinned: for private fleets of
   * pre-production chips and for tests. Their common names say the generation (`ARK-Milan`).
   * Whoever has the key of one can forge every report. Default: AMD's.
   */
  readonly snpRoots?: readonly Certificate[];
  /**
   * Revocation lists (DER) of SEV-SNP roots. When there are any, the root of every chain must have
   * one that is in date and clears it. Default: none, revocation is not checked.
   */
  readonly snpRevocationLists?: readonly Uint8Array[];
  /**
   * Refuses quotes of a TPM from before the last one that was accepted. Default: no memory.
   */
  readonly tpmClocks?: TpmClockStore;
  /**
   * Accepts quotes of keys whose certificates are for TLS, as the reference implementation's
   * provisioning server issues them. Whoever has such a certificate for a key in software can then
   * forge quotes. Default: no.
   */
  readonly tpmAllowTlsKeys?: boolean;
  /**
   * Accepts a `boot_aggregate` of IMA that has a reference value and may be of another boot, because
   * the event does not carry its entry (`cmc.ima`) or PCR 8 or 9 is not quoted: for provers that do
   * not send the entry, such as the reference implementation on Linux before 5.8. One that is of the
   * quoted PCRs is accepted without it, one that is provably not of them never. Default: no.
   */
  readonly tpmAllowUncheckedBootAggregate?: boolean;
  /**
   * Accepts files that IMA measured and no reference value knows, when one of these keys signed
   * them: DER, each a certificate (validity and issuer of which do not count) or a
   * SubjectPublicKeyInfo; RSA of 2048 to 8192 bits, a NIST curve or secp256k1. Such a signature is
   * good for every version of a file, wherever it lies and whatever it is used for. Default: none.
   */
  readonly imaKeys?: readonly Uint8Array[];
  /** How many different signers every metadata item must have. Default: 1. */
  readonly minimumMetadataSigners?: number;
}

/** What `verify()` found. */
export interface Verification {
  /** Whether the summary is `success` or `warn`. */
  readonly ok: boolean;
  readonly result: AttestationResult;
  /** Present only when {@link Verification.ok}. */
  readonly report?: VerifiedReport;
  /** The signed metadata items that were verified, by digest; worth keeping only when `ok`. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
}
