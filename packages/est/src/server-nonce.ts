import { parseJson } from '@cmc/attestationreport/codec';
import { DecodeError, fromBase64 } from '@cmc/bytes';
import { SERVER_NONCE_BYTES } from './enrollment-nonce.ts';

/** A nonce of the server, for one enrollment. */
export interface ServerNonce {
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  readonly expiresAt: Date;
}

/** RFC 3339, in UTC or with an offset. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** The answer of `/nonce`, JSON. @throws {DecodeError} */
export function decodeServerNonce(bytes: Uint8Array): ServerNonce {
  const json = parseJson(bytes);
  const value = typeof json === 'object' && json !== null && !Array.isArray(json) ? json : {};
  const { nonce: text, expiresAt: time } = value as Readonly<Record<string, unknown>>;
  if (typeof text !== 'string') return fail('nonce', 'expected base64');
  const nonce = fromBase64(text, 'nonce');
  if (nonce.length !== SERVER_NONCE_BYTES) {
    return fail('nonce', `expected ${SERVER_NONCE_BYTES} bytes, got ${nonce.length}`);
  }
  const expiresAt = new Date(typeof time === 'string' && TIME.test(time) ? time : Number.NaN);
  if (Number.isNaN(expiresAt.getTime())) return fail('expiresAt', 'expected an RFC 3339 time');
  return { nonce, expiresAt };
}

function fail(name: string, message: string): never {
  throw new DecodeError('ERR_DECODE_VALUE', message, { path: [name], offset: 0 });
}
