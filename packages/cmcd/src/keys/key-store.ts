import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTemporaries, writeFileAtomic } from '@cmc/host/files';
import { CmcdError } from '../errors.ts';

/** A TLS key with its certificates. */
export interface StoredKey {
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** Certificates, PEM, leaf first, one after another. */
  readonly certificates: string;
}

/** Where TLS keys are kept. Ids are UUIDs that were checked. */
export interface KeyStore {
  /** @throws {CmcdError} ERR_KEY_STORE the key is there without its certificates */
  read(id: string): Promise<StoredKey | undefined>;
  write(id: string, key: StoredKey): Promise<void>;
  count(): Promise<number>;
}

/** Keeps keys until the process ends. */
export function memoryKeyStore(): KeyStore {
  const keys = new Map<string, StoredKey>();
  return {
    read: async (id) => keys.get(id),
    write: async (id, key) => void keys.set(id, key),
    count: async () => keys.size,
  };
}

/** Keeps keys as files `<directory>/keys/<id>` and their certificates as `<directory>/certs/<id>`. */
export async function diskKeyStore(directory: string): Promise<KeyStore> {
  const keys = join(directory, 'keys');
  const certificates = join(directory, 'certs');
  for (const folder of [keys, certificates]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeTemporaries(folder);
  }
  return {
    read: async (id) => {
      const privateKey = await readIfThere(join(keys, id));
      if (privateKey === undefined) return undefined;
      const chain = await readIfThere(join(certificates, id));
      if (chain !== undefined) return { privateKey, certificates: chain };
      throw new CmcdError('ERR_KEY_STORE', `TLS key ${id} is stored without its certificate`);
    },
    write: async (id, key) => {
      // The key last: its file is what makes the id known, and then the certificate is there.
      await writeFileAtomic(join(certificates, id), key.certificates, { mode: 0o644 });
      await writeFileAtomic(join(keys, id), key.privateKey, { mode: 0o600 });
    },
    count: async () => (await readdir(keys)).length,
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new CmcdError('ERR_KEY_STORE', `cannot read ${path}`, { cause: error });
  }
}
