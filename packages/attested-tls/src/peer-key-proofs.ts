import type { TlsOptions } from 'node:tls';
import {
  type Certificate,
  parseCertificate,
  parsePemCertificates,
} from '@cmc/attestationreport/x509';
import { DecodeError, decodeUtf8 } from '@cmc/bytes';
import type { KeyProof } from './key-proof.ts';
import { type KeyProofQuestion, keyProofProblem } from './key-proof-problem.ts';

/** Certificates: PEM, any number in one text, or DER, one each. */
export type CertificateSource = string | Uint8Array | readonly (string | Uint8Array)[];

/** What one end wants of the key proofs of its peers. */
export interface PeerKeyProofOptions {
  readonly required: boolean;
  /** Undefined: those of the TLS option `ca`. */
  readonly roots: CertificateSource | undefined;
}

/** Verifies the key proofs of peers, where there are roots for it. */
export class PeerKeyProofs {
  readonly required: boolean;
  readonly #rootsOfTls: boolean;
  #source: CertificateSource | undefined;
  /** The certificates of `#source`, once they were needed. */
  #roots: readonly Certificate[] | undefined;

  /** @throws {TypeError} the roots are none, or missing and required */
  constructor({ required, roots }: PeerKeyProofOptions, tls: Pick<TlsOptions, 'ca'>) {
    this.required = required;
    this.#rootsOfTls = roots === undefined;
    this.#source = roots;
    if (roots === undefined) {
      this.admit(tls);
      return;
    }
    const message = 'keyProofRoots: expected certificates, PEM or DER';
    if (isNothing(roots)) throw new TypeError(`${message}, got none`);
    try {
      this.#roots = parseRoots(roots);
    } catch (cause) {
      throw new TypeError(message, { cause });
    }
  }

  /**
   * Takes the roots of TLS options that replace others.
   * @throws {TypeError} there are none, and proofs are required
   */
  admit({ ca }: Pick<TlsOptions, 'ca'>): void {
    if (!this.#rootsOfTls) return;
    const source = isNothing(ca) ? undefined : ca;
    if (source === undefined && this.required) {
      throw new TypeError('requirePeerKeyProof: needs the option keyProofRoots, or ca');
    }
    this.#source = source;
    this.#roots = undefined;
  }

  /** Whether proofs of peers are verified. */
  get verifies(): boolean {
    return this.#source !== undefined;
  }

  /** Why a proof is refused; `undefined` when it is good. */
  async problem(
    proof: KeyProof,
    question: Omit<KeyProofQuestion, 'roots'>,
  ): Promise<string | undefined> {
    try {
      // Not before a proof comes: Node takes more in `ca` than what can be read here.
      this.#roots ??= parseRoots(this.#source ?? []);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return `the own option ca cannot be read, and there are no keyProofRoots: ${error.message}`;
    }
    return await keyProofProblem(proof, { ...question, roots: this.#roots });
  }
}

function isNothing(source: unknown): boolean {
  return !source || (Array.isArray(source) && source.length === 0);
}

function parseRoots(source: CertificateSource): readonly Certificate[] {
  const entries = typeof source === 'string' || source instanceof Uint8Array ? [source] : source;
  return entries.flatMap((entry) => {
    if (typeof entry === 'string') return parsePemCertificates(entry);
    return isDer(entry) ? [parseCertificate(entry)] : parsePemCertificates(decodeUtf8(entry));
  });
}

/** A SEQUENCE with a length that no text begins with. */
function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80;
}
