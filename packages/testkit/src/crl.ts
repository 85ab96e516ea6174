import {
  defaultSignature,
  encodeAlgorithm,
  encodeName,
  type FakeCertificateSignature,
  type FakeName,
  signTbs,
} from './certificate.ts';
import {
  derBitString,
  derContext,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
  derTime,
} from './der.ts';
import type { FakeKey } from './fake-key.ts';

/** What a list says, and who signs it. */
export interface FakeCrlOptions {
  readonly issuer: FakeName;
  readonly key: FakeKey;
  readonly signature?: FakeCertificateSignature;
  /** Contents of the INTEGERs. Default: none. */
  readonly revoked?: readonly Uint8Array[];
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

/** A certificate revocation list (RFC 5280, section 5), version 2, DER. */
export function encodeFakeCrl(options: FakeCrlOptions): Uint8Array {
  const { issuer, key, revoked = [], thisUpdate, nextUpdate } = options;
  const signature = options.signature ?? defaultSignature(key);
  const algorithm = encodeAlgorithm(key, signature);
  const entries = revoked.map((serial) => derSequence(derInteger(serial), derTime(thisUpdate)));
  const number = derSequence(derOid('2.5.29.20'), derOctetString(derInteger(7)));
  const tbs = derSequence(
    derInteger(1),
    algorithm,
    encodeName(issuer),
    derTime(thisUpdate),
    derTime(nextUpdate),
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
    derContext(0, derSequence(number)),
  );
  return derSequence(tbs, algorithm, derBitString(signTbs(tbs, key, signature)));
}
