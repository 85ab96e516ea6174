import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePem, parsePemCertificates } from '@cmc/attestationreport/x509';
import { DecodeError, decodeUtf8, equalBytes } from '@cmc/bytes';
import { syncFolder, writeFileAtomic } from '@cmc/host/files';
import { TpmDriverError } from '../errors.ts';
import { publicKeyOf } from './attestation-key.ts';
import { decodeKeyBlob, encodeKeyBlob, type KeyBlob } from './key-blob.ts';

/** Names of the Go implementation. */
const KEY = 'tpm_ak_encrypted.json';
const CHAIN = 'tpm_ak_chain.pem';
/** The key that is to replace it, and then its certificates. */
const NEXT_KEY = 'tpm_ak_next.json';
const NEXT_CHAIN = 'tpm_ak_next.pem';
const MAX_FILE_BYTES = 256 * 1024;
const PRIVATE = { mode: 0o600 };
const READABLE = { mode: 0o644 };

/** Certificates, DER, leaf first. */
export type Chain = readonly Uint8Array[];

/** The files of the attestation key in a folder, which only one process changes. */
export interface KeyFiles {
  /** The key in use, and its certificates where they are there. */
  read(): Promise<{ readonly key: KeyBlob; readonly chain?: Chain } | undefined>;
  /** The key whose certificates had not come yet. */
  readNext(): Promise<KeyBlob | undefined>;
  writeNext(key: KeyBlob): Promise<void>;
  /** Puts the next key in use, with its certificates. */
  publish(chain: Chain): Promise<void>;
}

/**
 * A new key and its certificates come into use in one moment, that of the renaming of the key: the
 * certificates lie beside it by then, and whoever reads next finds them wherever a crash left them.
 */
export function openKeyFiles(folder: string): KeyFiles {
  const path = (name: string): string => join(folder, name);
  const settleChain = async (): Promise<void> => {
    await rename(path(NEXT_CHAIN), path(CHAIN));
    await syncFolder(folder);
  };
  const readKey = async (name: string): Promise<KeyBlob | undefined> => {
    const bytes = await readIfThere(path(name));
    return bytes === undefined ? undefined : decodeKeyBlob(bytes);
  };
  const readChain = async (name: string, key: KeyBlob): Promise<Chain | undefined> => {
    const bytes = await readIfThere(path(name));
    if (bytes === undefined) return undefined;
    const certificates = parseChain(bytes);
    const isOfKey = certificates[0] && equalBytes(certificates[0].spki, publicKeyOf(key));
    return isOfKey ? certificates.map(({ raw }) => raw) : undefined;
  };
  return {
    read: async () => {
      const key = await readKey(KEY);
      if (key === undefined) return undefined;
      const unsettled = await readChain(NEXT_CHAIN, key);
      if (unsettled !== undefined) await settleChain();
      const chain = unsettled ?? (await readChain(CHAIN, key));
      return { key, ...(chain === undefined ? {} : { chain }) };
    },
    readNext: async () => await readKey(NEXT_KEY),
    writeNext: async (key) => await writeFileAtomic(path(NEXT_KEY), encodeKeyBlob(key), PRIVATE),
    publish: async (chain) => {
      const pem = chain.map((der) => encodePem(der, 'CERTIFICATE')).join('');
      await writeFileAtomic(path(NEXT_CHAIN), pem, READABLE);
      await rename(path(NEXT_KEY), path(KEY));
      await syncFolder(folder);
      await settleChain();
    },
  };
}

/** Files of others, or half of one, are as none: certificates can be got again. */
function parseChain(bytes: Uint8Array): ReturnType<typeof parsePemCertificates> {
  try {
    return parsePemCertificates(decodeUtf8(bytes));
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size <= MAX_FILE_BYTES) return new Uint8Array(await file.readFile());
      const message = `${path}: ${size} bytes, at most ${MAX_FILE_BYTES} are accepted`;
      throw new TpmDriverError('ERR_TPM_DRIVER_KEY', message);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
