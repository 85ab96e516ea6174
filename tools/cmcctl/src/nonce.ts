import { fromHex } from '@cmc/bytes';
import { readSettingFile, UsageError } from '@cmc/host';

const MIN_BYTES = 8;
const MAX_BYTES = 64;

/** The nonce that a text spells in hex, or undefined: then it names a file. */
export function hexNonce(text: string): Uint8Array | undefined {
  const digits = /^(?:[0-9a-f]{2}){8,64}$/i.test(text);
  return digits ? fromHex(text.toLowerCase()) : undefined;
}

/** The nonce that a setting spells in hex or whose file it names. @throws {UsageError} its length */
export async function readNonce(text: string): Promise<Uint8Array> {
  const nonce = hexNonce(text) ?? new Uint8Array(await readSettingFile(text, 'nonce'));
  if (nonce.length >= MIN_BYTES && nonce.length <= MAX_BYTES) return nonce;
  throw new UsageError(
    `nonce: expected ${MIN_BYTES} to ${MAX_BYTES} bytes, got ${nonce.length} in ${text}`,
  );
}
