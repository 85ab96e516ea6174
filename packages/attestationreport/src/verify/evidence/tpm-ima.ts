import { DecodeError, equalBytes, toHex } from '@cmc/bytes';
import {
  createImaKeyring,
  decodeImaEntry,
  type ImaEntryContent,
  type ImaKeyring,
  type ImaSignatureResult,
  imaEntryDigest,
  verifyImaSignature,
} from '@cmc/ima';
import { digest, type HashName, LruCache } from '../../crypto/index.ts';
import type { Component } from '../../types/report.ts';
import { propertyOf } from './components.ts';
import { publicKeyOf } from './ima-keys.ts';

/** Where Linux measures files. */
export const IMA_PCR = 10;
/** Keyrings that are kept: their keys get faster with use. */
const MAX_KEYRINGS = 4;
/** Wrong signatures of known keys after which no more are tried: the report is refused anyway. */
const MAX_WRONG = 16;

const keyrings = new LruCache<string, ImaKeyring>(MAX_KEYRINGS);

/** Who signed a file that was measured. */
export interface FileSigner {
  readonly keyId: string;
  /** As measured. */
  readonly path: string;
}

/**
 * The keys that may sign files, of certificates or SubjectPublicKeyInfo (DER).
 * @throws {RangeError} something else, or a key that cannot sign files
 */
export function imaKeyringOf(keys: readonly Uint8Array[]): ImaKeyring {
  const id = keys.map((key) => toHex(digest('SHA-256', key))).join();
  const known = keyrings.get(id);
  if (known !== undefined) return known;
  const keyring = createKeyring(keys);
  keyrings.set(id, keyring);
  return keyring;
}

function createKeyring(keys: readonly Uint8Array[]): ImaKeyring {
  try {
    return createImaKeyring(keys.map(publicKeyOf));
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new RangeError(`imaKeys: no certificate, no key for files: ${cause.message}`, { cause });
  }
}

/** Looks for the signatures of files in the events of one report. */
export class FileSignatures {
  readonly #keyring: ImaKeyring;
  /** By digest and signature: the path of an entry is not signed, and one file may have many. */
  readonly #results = new Map<string, ImaSignatureResult>();
  #wrong = 0;

  constructor(keyring: ImaKeyring) {
    this.#keyring = keyring;
  }

  /** Who signed the file that `event` extended `value` for; `undefined` when that is not proven. */
  signerOf(
    event: Component,
    index: number,
    value: Uint8Array,
    bank: HashName,
  ): FileSigner | undefined {
    const entry = index === IMA_PCR ? measuredEntry(event, value, bank) : undefined;
    if (entry === undefined) return undefined;
    const result = this.#verify(entry);
    return result?.ok === true ? { keyId: result.keyId, path: entry.path } : undefined;
  }

  #verify(entry: ImaEntryContent): ImaSignatureResult | undefined {
    const { type = '', algorithm, value } = entry.digest;
    const signature = entry.fields.get('sig') ?? new Uint8Array();
    const key = [type, algorithm, toHex(value), toHex(signature)].join(':');
    const known = this.#results.get(key);
    if (known !== undefined) return known;
    if (this.#wrong >= MAX_WRONG) return undefined;
    const result = verifyImaSignature(entry, this.#keyring);
    if (!result.ok && result.reason === 'wrong') this.#wrong += 1;
    this.#results.set(key, result);
    return result;
  }
}

/**
 * The entry of IMA's list that `event` extended `value` for. `undefined` when it carries none that
 * gives this value; so for every violation, since those extend no digest of their entry.
 */
export function measuredEntry(
  event: Component,
  value: Uint8Array,
  bank: HashName,
): ImaEntryContent | undefined {
  const text = propertyOf(event, 'cmc.ima');
  const entry = text === undefined ? undefined : readEntry(text);
  if (entry === undefined) return undefined;
  const extended = imaEntryDigest({ ...entry, isViolation: false }, { bank });
  return equalBytes(extended, value) ? entry : undefined;
}

function readEntry(text: string): ImaEntryContent | undefined {
  try {
    return decodeImaEntry(text);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
