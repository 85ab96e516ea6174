import type { Collateral, Evidence } from './types/report.ts';

/** Every operation that waits takes one of these. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Provides access to one source of measurements (a TPM, an SNP guest, a container log). */
export interface Measurer {
  /** Name of the driver as in configuration: `sw`, `tpm`, `snp`, ... */
  readonly name: string;
  /**
   * Takes one coherent snapshot: logs and certificates now, evidence over a nonce afterwards.
   * Safe to call concurrently: snapshots do not share state.
   */
  prepare(options?: WaitOptions): Promise<PreparedMeasurement>;
}

/** One snapshot of a {@link Measurer}. */
export interface PreparedMeasurement {
  readonly collateral: readonly Collateral[];
  /**
   * Evidence over `nonce`, which commits to the collateral of this snapshot.
   * Rejects with code `ERR_MEASUREMENT_STALE` when what it measured changed since the snapshot
   * (a log grew between snapshot and quote); the caller then prepares again.
   */
  measure(nonce: Uint8Array, options?: WaitOptions): Promise<readonly Evidence[]>;
}

/**
 * Signature algorithms by their JOSE names (RFC 7518, section 3.1), which name hash and scheme.
 */
export type SignatureAlgorithm =
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512';

/** A private key that may live in hardware, with the certificates of its public key. */
export interface Signer {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** X.509 certificates, DER, leaf first; empty when the key has none. */
  readonly certificateChain: readonly Uint8Array[];
  /** What this key can do, preferred first. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /**
   * Signs a digest that the caller computed with the hash of `algorithm`.
   * ECDSA signatures are IEEE P1363 (`r || s`, each as long as the curve's order), RSA signatures
   * have the length of the modulus.
   */
  signDigest(
    digest: Uint8Array,
    algorithm: SignatureAlgorithm,
    options?: WaitOptions,
  ): Promise<Uint8Array>;
  /**
   * Signs a whole message, hashing it itself. Present where that is faster or the only way
   * (a restricted TPM key signs only what the TPM hashed). Same signature form as `signDigest`.
   */
  signMessage?(
    message: Uint8Array,
    algorithm: SignatureAlgorithm,
    options?: WaitOptions,
  ): Promise<Uint8Array>;
}
