import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { operations, type TlsKeyConfig } from '@cmc/api';
import { CmcError, encodeUtf8, type Logger, silentLogger } from '@cmc/bytes';
import { removeTemporaries, syncFolder, writeFileAtomic } from '@cmc/host/files';
import { CmcdError } from '../errors.ts';
import { KEY_ID } from './key-id.ts';
import type { KeyStore, KnownKey, PendingKey } from './key-store.ts';

const KEY = 'key.pem';
const CHAIN = 'chain.pem';
/** What was asked for. Of a key with certificates: nobody was told its id. */
const REQUEST = 'request.json';
const PRIVATE = { mode: 0o600 };
const READABLE = { mode: 0o644 };

/**
 * Keeps each key in a folder of its own: `<directory>/pending/<id>` until its certificates are
 * there, then, renamed, `<directory>/ready/<id>`. Keys in the layout of other versions,
 * `<directory>/keys/<id>` and `<directory>/certs/<id>`, are read too.
 */
export async function diskKeyStore(
  directory: string,
  logger: Logger = silentLogger,
): Promise<KeyStore> {
  const pending = join(directory, 'pending');
  const ready = join(directory, 'ready');
  const oldKeys = join(directory, 'keys');
  const oldChains = join(directory, 'certs');
  for (const folder of [pending, ready]) await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const folder of [...(await foldersIn(ready)), ...(await foldersIn(pending))]) {
    await removeTemporaries(folder);
  }
  for (const folder of [oldKeys, oldChains]) {
    if (await isThere(folder)) await removeTemporaries(folder);
  }

  const publish: KeyStore['publish'] = async (id, certificates) => {
    await writeFileAtomic(join(pending, id, CHAIN), certificates, READABLE);
    await rename(join(pending, id), join(ready, id));
    await syncFolder(ready);
    await syncFolder(pending);
  };
  const discard: KeyStore['discard'] = async (id) => {
    await rm(join(pending, id), { recursive: true, force: true });
    await syncFolder(pending);
  };
  const chainPath = async (id: string): Promise<string> => {
    const folder = join(ready, id);
    return (await isThere(folder)) ? join(folder, CHAIN) : join(oldChains, id);
  };

  return {
    list: async () => {
      const known: KnownKey[] = [];
      for (const id of await idsIn(ready)) {
        const unclaimed = await readRequest(join(ready, id, REQUEST));
        known.push({ id, ...(unclaimed === undefined ? {} : { unclaimed }) });
      }
      const older = (await isThere(oldKeys)) ? await idsIn(oldKeys) : [];
      return [...known, ...older.map((id) => ({ id }))];
    },
    pending: async () => {
      const keys: PendingKey[] = [];
      for (const id of await idsIn(pending)) {
        const privateKey = await readIfThere(join(pending, id, KEY));
        const config = await readRequest(join(pending, id, REQUEST));
        if (privateKey !== undefined && config !== undefined) {
          keys.push({ id, privateKey, config });
        } else {
          // Killed before it was complete, or while it was removed: nobody waits for a certificate.
          logger.info({ id }, 'the rest of a TLS key is removed');
          await discard(id);
        }
      }
      return keys;
    },
    addPending: async ({ id, privateKey, config }) => {
      const folder = join(pending, id);
      await mkdir(folder, { mode: 0o700 });
      await writeFileAtomic(join(folder, KEY), privateKey, PRIVATE);
      const request = operations.tlsCreate.request.encode({ keyConfig: config }, 'json');
      await writeFileAtomic(join(folder, REQUEST), request, PRIVATE);
      await syncFolder(pending);
    },
    publish,
    discard,
    claim: async (id) => {
      await rm(join(ready, id, REQUEST), { force: true });
      await syncFolder(join(ready, id));
    },
    read: async (id) => {
      const privateKey =
        (await readIfThere(join(ready, id, KEY))) ?? (await readIfThere(join(oldKeys, id)));
      if (privateKey === undefined) return undefined;
      const certificates = await readIfThere(await chainPath(id));
      if (certificates !== undefined) return { privateKey, certificates };
      throw new CmcdError('ERR_KEY_STORE', `TLS key ${id} is stored without its certificate`);
    },
    replaceCertificates: async (id, certificates) => {
      await writeFileAtomic(await chainPath(id), certificates, READABLE);
    },
  };
}

async function idsIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => KEY_ID.test(name));
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  return (await idsIn(folder)).map((id) => join(folder, id));
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Undefined when there is none, or half of one. */
async function readRequest(path: string): Promise<TlsKeyConfig | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const { decode, accept } = operations.tlsCreate.request;
  try {
    return accept(decode(encodeUtf8(text)).value).keyConfig;
  } catch (error) {
    if (error instanceof CmcError) return undefined;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new CmcdError('ERR_KEY_STORE', `cannot read ${path}`, { cause: error });
  }
}
