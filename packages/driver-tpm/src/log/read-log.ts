import { open } from 'node:fs/promises';
import { concatBytes } from '@cmc/bytes';
import { TpmDriverError } from '../errors.ts';

const CHUNK_BYTES = 1024 * 1024;

/**
 * What a log has from `position` to its end now; `undefined` when there is none. Files of securityfs
 * say that they are empty, and may give less than is asked for.
 * @throws {TpmDriverError} ERR_TPM_DRIVER_LOG: it has more than `maxBytes`
 */
export async function readLog(
  path: string,
  maxBytes: number,
  position = 0,
): Promise<Uint8Array | undefined> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const chunks: Uint8Array[] = [];
    for (let length = 0; ; ) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, position + length);
      if (bytesRead === 0) return concatBytes(...chunks);
      chunks.push(chunk.subarray(0, bytesRead));
      length += bytesRead;
      if (length <= maxBytes) continue;
      const message = `${path}: more than ${maxBytes} bytes`;
      throw new TpmDriverError('ERR_TPM_DRIVER_LOG', message);
    }
  } finally {
    await file.close();
  }
}
