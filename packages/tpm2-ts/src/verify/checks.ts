import { DecodeError } from '@cmc/bytes';

/** What is looked at, in this order; a verification has those that apply to it. */
export type CheckId =
  /** The attestation decodes completely: magic, sizes, nothing left over. */
  | 'attest'
  /** It is of the expected type. */
  | 'type'
  /** The signature decodes completely. */
  | 'signature-format'
  /** The key that signed decodes, and is long enough. */
  | 'key'
  /** The key can sign nothing but what its TPM attests. Only with its public area. */
  | 'key-attributes'
  /** Scheme and hash of the signature are accepted and fit the key. */
  | 'signature-algorithm'
  /** The key signed the attestation. */
  | 'signature'
  /** The qualifying data is the expected nonce, byte for byte. */
  | 'nonce'
  /** Exactly the expected banks are quoted, each once, each with PCRs. */
  | 'pcr-banks'
  /** Every required PCR is quoted. */
  | 'pcr-selection'
  /** The digest of the PCRs is as long as the hash of the signature demands. */
  | 'pcr-digest-size'
  /** The PCR values give the signed digest. */
  | 'pcr-digest'
  /** The object that is attested to decodes. */
  | 'object'
  /** Its name is the attested one. */
  | 'object-name'
  /** It has the required attributes. */
  | 'object-attributes'
  /** The creation data decodes. */
  | 'creation-data'
  /** Its digest is the attested one. */
  | 'creation-hash'
  /** It names the expected parent. */
  | 'creation-parent';

/** One finding. */
export interface Check {
  readonly id: CheckId;
  readonly ok: boolean;
  /** Why it failed. */
  readonly details?: string;
}

/** Collects findings; a verification is good when there are some and none failed. */
export class Checks {
  readonly #checks: Check[] = [];

  get list(): readonly Check[] {
    return this.#checks;
  }

  get ok(): boolean {
    return this.#checks.length > 0 && this.#checks.every(({ ok }) => ok);
  }

  /** Records a finding; `problem` says what is wrong, `undefined` that nothing is. */
  add(id: CheckId, problem: string | undefined): void {
    this.#checks.push(
      problem === undefined ? { id, ok: true } : { id, ok: false, details: problem },
    );
  }

  /** What `decode` gives, or `undefined` with a failed finding when the bytes are malformed. */
  decode<T>(id: CheckId, decode: () => T): T | undefined {
    try {
      const value = decode();
      this.add(id, undefined);
      return value;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.add(id, error.message);
      return undefined;
    }
  }
}
