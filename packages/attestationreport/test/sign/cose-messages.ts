import { sign } from 'node:crypto';
import { fromHex } from '@cmc/bytes';
import type { IssuedCertificate } from '@cmc/testkit';
import { type CborValue, encodeCbor, Tagged } from '../../src/codec/index.ts';

/** One element of `signatures`. */
export type CoseEntry = readonly [CborValue, CborValue, CborValue];

/** What a message is made of; what is left out is as it should be. */
export interface CoseParts {
  readonly tag?: number;
  readonly body?: CborValue;
  readonly bodyUnprotected?: CborValue;
  readonly payload?: CborValue;
  readonly signatures: CborValue;
}

/** What a signature is made of; what is left out is as it should be. */
export interface CoseEntryParts {
  readonly protected?: Uint8Array;
  readonly unprotected?: CborValue;
  readonly body?: Uint8Array;
}

/** Protected header with the algorithm ES256. */
export const ES256: Uint8Array = fromHex('a10126');

export const PAYLOAD: Uint8Array = encodeCbor(new Map([[0, 'Manifest']]));

/** A COSE_Sign message, well-formed or not. */
export function coseMessage(parts: CoseParts): Uint8Array {
  const { tag = 98, body = new Uint8Array(), bodyUnprotected = new Map(), signatures } = parts;
  const payload = parts.payload === undefined ? PAYLOAD : parts.payload;
  return encodeCbor(new Tagged(tag, [body, bodyUnprotected, payload, signatures]));
}

/** A signature that is right for its protected headers, made without the code under test. */
export function coseEntry(by: IssuedCertificate, parts: CoseEntryParts = {}): CoseEntry {
  const { protected: header = ES256, body = new Uint8Array() } = parts;
  const input = encodeCbor(['Signature', body, header, new Uint8Array(), PAYLOAD]);
  const options = { key: by.key.privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const signature = new Uint8Array(sign('sha256', input, options));
  return [header, parts.unprotected ?? new Map([[33, by.chain]]), signature];
}
