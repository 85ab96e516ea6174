import type { KeyObject } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFileAtomic, writeFileAtomic } from '@cmc/host/files';
import { SoftwareDriverError } from '../errors.ts';
import { unlessMissing } from '../file/fs-errors.ts';
import { createSoftwareKey, MAX_PRIVATE_KEY_BYTES, parsePrivateKey } from '../key/software-key.ts';

const MODE = 0o600;

/** The attestation key in a file; makes one when there is none. */
export async function loadOrCreateKey(path: string): Promise<KeyObject> {
  const known = await readKey(path);
  if (known !== undefined) return known;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const key = await createAttestationKey();
  if (await createFileAtomic(path, encode(key), { mode: MODE })) return key;
  // Another process was faster: both use its key.
  return await loadOrCreateKey(path);
}

/** Replaces the attestation key in a file by a new one. */
export async function replaceKey(path: string): Promise<KeyObject> {
  const key = await createAttestationKey();
  await writeFileAtomic(path, encode(key), { mode: MODE });
  return key;
}

/** A new attestation key: ECDSA on P-256, as all software evidence is signed. */
export async function createAttestationKey(): Promise<KeyObject> {
  return await createSoftwareKey({ algorithm: 'EC256' });
}

async function readKey(path: string): Promise<KeyObject | undefined> {
  const file = await open(path, 'r').catch(unlessMissing);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > MAX_PRIVATE_KEY_BYTES) {
      throw new SoftwareDriverError(
        'ERR_SOFTWARE_KEY_FORMAT',
        `${path}: ${size} bytes, at most ${MAX_PRIVATE_KEY_BYTES} are accepted`,
      );
    }
    const key = parsePrivateKey(await file.readFile());
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
    throw new SoftwareDriverError(
      'ERR_SOFTWARE_KEY_UNSUPPORTED',
      `${path}: expected an ECDSA key on P-256`,
    );
  } finally {
    await file.close();
  }
}

function encode(key: KeyObject): Uint8Array {
  return key.export({ type: 'pkcs8', format: 'der' });
}
