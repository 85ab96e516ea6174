import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import { type Chain, readChain } from './enroll-key.ts';
import { KEY_ID } from './key-id.ts';
import type { KeyStore } from './key-store.ts';
import type { TlsKey, TlsKeys } from './tls-key.ts';

/** Keys that are kept ready to sign. */
const MAX_LOADED_KEYS = 64;

export interface LoadedKey {
  readonly key: TlsKey;
  readonly chain: Chain;
}

/** The keys of a store, those that were used last in memory. */
export class LoadedKeys {
  readonly #store: KeyStore;
  readonly #tlsKeys: TlsKeys;
  readonly #loaded = new Map<string, LoadedKey>();

  constructor(store: KeyStore, tlsKeys: TlsKeys) {
    this.#store = store;
    this.#tlsKeys = tlsKeys;
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
      const key = await this.#tlsKeys.read(stored.privateKey);
      if (equalBytes(chain.leaf.spki, key.signer.publicKey)) return { key, chain };
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
