import { randomUUID, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { TlsKeyConfig } from '@cmc/api';
import type { SignatureAlgorithm, Signer, WaitOptions } from '@cmc/attestationreport';
import { equalBytes } from '@cmc/bytes';
import { createSoftwareKey, softwareSigner } from '@cmc/driver-sw';
import { CmcdError } from '../errors.ts';
import type { Enroller } from './enroller.ts';
import { diskKeyStore, type KeyStore, memoryKeyStore } from './key-store.ts';

/** Keys that one key manager holds; more are refused. */
export const MAX_KEYS = 4096;
/** Certificates in the chain of one key. */
const MAX_CHAIN = 16;
/** Keys that are kept ready to sign. */
const MAX_LOADED_KEYS = 64;

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const HASH = /^SHA-?(256|384|512)$/i;

export interface KeyManagerOptions {
  /** Gets certificates for new keys. */
  readonly enroller: Enroller;
  /** Folder of the daemon's state; keys live in `tls_key_store` below it. Without one they live in memory. */
  readonly storage?: string;
}

/** What {@link KeyManager.create} needs besides the key's description. */
export interface CreateKeyOptions extends WaitOptions {
  /** Makes the attestation report that an enroller may ask for. */
  report(publicKey: Uint8Array, options?: WaitOptions): Promise<Uint8Array>;
}

/** TLS keys and their certificates. Keys never leave it. */
export interface KeyManager {
  /** UUID of a new key, for which a certificate was obtained. */
  create(config: TlsKeyConfig, options: CreateKeyOptions): Promise<string>;
  /**
   * Signature over a digest: ECDSA in DER, RSA as PKCS #1 v1.5.
   * @throws {CmcdError} ERR_KEY_UNKNOWN, ERR_KEY_DIGEST, ERR_KEY_STORE
   */
  sign(id: string, digest: Uint8Array, hashAlg: string, options?: WaitOptions): Promise<Uint8Array>;
  /** Certificates, PEM, one each, leaf first. @throws {CmcdError} ERR_KEY_UNKNOWN, ERR_KEY_STORE */
  certificates(id: string): Promise<readonly string[]>;
}

interface LoadedKey {
  readonly signer: Signer;
  readonly certificates: readonly string[];
}

/** A key manager for software keys. */
export async function createKeyManager(options: KeyManagerOptions): Promise<KeyManager> {
  const { storage } = options;
  const store =
    storage === undefined ? memoryKeyStore() : await diskKeyStore(join(storage, 'tls_key_store'));
  return new SoftwareKeyManager(store, options.enroller);
}

class SoftwareKeyManager implements KeyManager {
  readonly #store: KeyStore;
  readonly #enroller: Enroller;
  readonly #loaded = new Map<string, LoadedKey>();

  constructor(store: KeyStore, enroller: Enroller) {
    this.#store = store;
    this.#enroller = enroller;
  }

  async create(config: TlsKeyConfig, options: CreateKeyOptions): Promise<string> {
    if (config.type !== 'sw') {
      throw new CmcdError(
        'ERR_CMCD_NOT_AVAILABLE',
        `TLS keys of type ${config.type} are not available in this version, sw is`,
      );
    }
    if ((await this.#store.count()) >= MAX_KEYS) {
      throw new CmcdError('ERR_KEY_LIMIT', `there are ${MAX_KEYS} TLS keys already`);
    }
    const privateKey = await createSoftwareKey({ algorithm: config.alg });
    const signer = softwareSigner({ privateKey });
    const certificates = await this.#enroll(config, signer, options);
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
    const id = randomUUID();
    await this.#store.write(id, { privateKey: String(pem), certificates: certificates.join('') });
    return id;
  }

  async sign(
    id: string,
    digest: Uint8Array,
    hashAlg: string,
    options: WaitOptions = {},
  ): Promise<Uint8Array> {
    const { signer } = await this.#load(id);
    const algorithm = algorithmFor(signer, digest, hashAlg);
    const signature = await signer.signDigest(digest, algorithm, options);
    if (!algorithm.startsWith('ES')) return signature;
    const { ecdsaToDer } = await import('@cmc/est');
    return ecdsaToDer(signature);
  }

  async certificates(id: string): Promise<readonly string[]> {
    return (await this.#load(id)).certificates;
  }

  async #enroll(
    config: TlsKeyConfig,
    signer: Signer,
    options: CreateKeyOptions,
  ): Promise<readonly string[]> {
    const chain = await this.#enroller.enroll(
      {
        csr: await createRequest(config, signer, options),
        publicKey: signer.publicKey,
        keyConfig: config,
        report: (wait) => options.report(signer.publicKey, wait),
      },
      options,
    );
    return checkedChain(chain, signer.publicKey);
  }

  async #load(id: string): Promise<LoadedKey> {
    const known = this.#loaded.get(id) ?? (await this.#read(id));
    this.#loaded.delete(id);
    this.#loaded.set(id, known);
    const [oldest] = this.#loaded.keys();
    if (this.#loaded.size > MAX_LOADED_KEYS && oldest !== undefined) this.#loaded.delete(oldest);
    return known;
  }

  async #read(id: string): Promise<LoadedKey> {
    const stored = ID.test(id) ? await this.#store.read(id) : undefined;
    if (stored === undefined) throw new CmcdError('ERR_KEY_UNKNOWN', 'there is no such TLS key');
    try {
      const certificates = splitPem(stored.certificates);
      const signer = softwareSigner({ privateKey: stored.privateKey });
      assertLeaf(new X509Certificate(certificates[0] ?? ''), signer.publicKey);
      return { signer, certificates };
    } catch (cause) {
      throw new CmcdError('ERR_KEY_STORE', `TLS key ${id} cannot be used`, { cause });
    }
  }
}

/** A certificate request. @throws {CmcdError} ERR_ENROLL_NAME */
async function createRequest(
  { cn, dnsNames, ipAddresses }: TlsKeyConfig,
  signer: Signer,
  options: WaitOptions,
): Promise<Uint8Array> {
  // Most starts of a daemon make no key.
  const { createCsr } = await import('@cmc/est');
  const { signal } = options;
  try {
    return await createCsr({
      signer,
      subject: { commonName: cn },
      dnsNames,
      ipAddresses,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (cause instanceof TypeError)
      throw new CmcdError('ERR_ENROLL_NAME', cause.message, { cause });
    throw cause;
  }
}

/** A response of an enrolment is input: it has to be a chain for the key that was sent. */
function checkedChain(chain: readonly Uint8Array[], publicKey: Uint8Array): readonly string[] {
  if (chain.length === 0 || chain.length > MAX_CHAIN) {
    throw new CmcdError(
      'ERR_ENROLL_RESPONSE',
      `enrolment: expected 1 to ${MAX_CHAIN} certificates, got ${chain.length}`,
    );
  }
  try {
    const certificates = chain.map((der) => new X509Certificate(der));
    if (certificates[0] !== undefined) assertLeaf(certificates[0], publicKey);
    return certificates.map(String);
  } catch (cause) {
    throw new CmcdError('ERR_ENROLL_RESPONSE', 'enrolment: no certificate for the key', { cause });
  }
}

function assertLeaf(leaf: X509Certificate, publicKey: Uint8Array): void {
  if (equalBytes(leaf.publicKey.export({ format: 'der', type: 'spki' }), publicKey)) return;
  throw new CmcdError('ERR_ENROLL_RESPONSE', 'the first certificate is for another key');
}

function algorithmFor(signer: Signer, digest: Uint8Array, hashAlg: string): SignatureAlgorithm {
  const bits = HASH.exec(hashAlg)?.[1];
  if (bits === undefined || digest.length !== Number(bits) / 8) {
    throw new CmcdError(
      'ERR_KEY_DIGEST',
      'expected a digest of SHA-256, SHA-384 or SHA-512 with the length of its hash, ' +
        `got ${digest.length} bytes`,
    );
  }
  const algorithm = signer.algorithms.find((name) => name === `ES${bits}` || name === `RS${bits}`);
  if (algorithm !== undefined) return algorithm;
  throw new CmcdError(
    'ERR_KEY_DIGEST',
    `the key signs with ${signer.algorithms.join(', ')}: it cannot sign a digest of SHA-${bits}`,
  );
}

function splitPem(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
}
