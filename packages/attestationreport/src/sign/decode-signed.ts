import { DecodeError } from '@cmc/bytes';
import type { Serialization } from '../types/serialization.ts';
import { decodeCose } from './cose.ts';
import { decodeJws } from './jws.ts';
import type { SignedMessage } from './signed-message.ts';

/** The encoding that signed bytes are in, by how they begin; `undefined` when it is neither. */
export function signedSerialization(bytes: Uint8Array): Serialization | undefined {
  const [first, second] = bytes;
  if (first === 0xd8 && second === 98) return 'cbor';
  const start = bytes.findIndex((byte) => !JSON_SPACE.has(byte));
  return bytes[start] === 0x7b ? 'json' : undefined;
}

/** A signed item, decoded. @throws {DecodeError} */
export function decodeSigned(bytes: Uint8Array): SignedMessage {
  switch (signedSerialization(bytes)) {
    case 'json':
      return decodeJws(bytes);
    case 'cbor':
      return decodeCose(bytes);
    case undefined:
      throw new DecodeError('ERR_DECODE_FORMAT', 'neither a JWS nor a COSE_Sign message', {
        path: ['signed item'],
        offset: 0,
      });
  }
}

/** What a signed item says, and in which encoding. UNVERIFIED: anybody can have written it. */
export function extractPayload(bytes: Uint8Array): {
  readonly payload: Uint8Array;
  readonly serialization: Serialization;
} {
  const { payload, serialization } = decodeSigned(bytes);
  return { payload, serialization };
}

const JSON_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
