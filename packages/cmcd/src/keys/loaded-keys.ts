import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { TlsKeyConfig } from '@cmc/api';
import type { Signer } from '@cmc/attestationreport';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';
import { softwareSigner } from '@cmc/driver-sw';
import { CmcdError } from '../errors.ts';
import { type Chain, readChain } from './enroll-key.ts';
import { KEY_ID } from './key-id.ts';
import type { KeyStore } from './key-store.ts';

/** Keys that are kept ready to sign. */
const MAX_LOADED_KEYS = 64;

export interface LoadedKey {
  readonly privateKey: KeyObject;
  readonly signer: Signer;
  readonly chain: Chain;
}

/** The keys of a store, those that were used last in memory. */
export class LoadedKeys {
  readonly #store: KeyStore;
  readonly #loaded = new Map<string, LoadedKey>();

  constructor(store: KeyStore) {
    this.#store = store;
  }

  /** @throws {CmcdError} ERR_KEY_UNKNOWN, ERR_KEY_STORE */
  async get(id: string): Promise<LoadedKey> {
    const read = this.#loaded.get(id) ?? (await this.read(id));
    // While the files were read, others may have replaced them.
    const key = this.#loaded.get(id) ?? read;
    this.#keep(id, key);
    return key;
  }

  /** As {@link get}, but the key does not stay in memory. */
  async read(id: string): Promise<LoadedKey> {
    const stored = KEY_ID.test(id) ? await this.#store.read(id) : undefined;
    if (stored === undefined) throw new CmcdError('ERR_KEY_UNKNOWN', 'there is no such TLS key');
    try {
      const certificates = parsePemCertificates(stored.certificates);
      const chain = readChain(certificates.map(({ raw }) => raw));
      const privateKey = createPrivateKey(stored.privateKey);
      const signer = softwareSigner({ privateKey });
      if (equalBytes(chain.leaf.spki, signer.publicKey)) return { privateKey, signer, chain };
    } catch (cause) {
      throw new CmcdError('ERR_KEY_STORE', `TLS key ${id} cannot be used`, { cause });
    }
    throw new CmcdError('ERR_KEY_STORE', `TLS key ${id} has a certificate for another key`);
  }

  /** Writes a new chain of a key; whoever gets the key from now on has it. */
  async replaceChain(id: string, key: LoadedKey, chain: Chain): Promise<void> {
    await this.#store.replaceCertificates(id, chain.pem.join(''));
    this.#keep(id, { ...key, chain });
  }

  #keep(id: string, key: LoadedKey): void {
    this.#loaded.delete(id);
    this.#loaded.set(id, key);
    const [oldest] = this.#loaded.keys();
    if (this.#loaded.size > MAX_LOADED_KEYS && oldest !== undefined) this.#loaded.delete(oldest);
  }
}

const CURVES: Readonly<Record<string, TlsKeyConfig['alg']>> = Object.freeze({
  prime256v1: 'EC256',
  secp384r1: 'EC384',
  secp521r1: 'EC521',
});

/** What a key is called in a {@link TlsKeyConfig}; RSA keys of other sizes count as the next one below. */
export function algorithmOf({ asymmetricKeyDetails: details }: KeyObject): TlsKeyConfig['alg'] {
  const curve = CURVES[details?.namedCurve ?? ''];
  return curve ?? ((details?.modulusLength ?? 0) < 4096 ? 'RSA2048' : 'RSA4096');
}
