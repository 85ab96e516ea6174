import { DecodeError } from '@cmc/bytes';
import { createImaKeyring } from '@cmc/ima';
import { parseCertificate, parsePemOrDer } from '../../x509/index.ts';

/**
 * The keys (SubjectPublicKeyInfo, DER) in a file with certificates or public keys, PEM or DER, for
 * the option `imaKeys` of `verify()`. All of them, and those of the files before, make one keyring.
 * @throws {DecodeError} something else, or a key that cannot sign files
 * @throws {RangeError} more keys than a keyring has
 */
export function parseImaKeys(
  content: Uint8Array,
  before: readonly Uint8Array[] = [],
): readonly Uint8Array[] {
  const keys = parsePemOrDer(content, 'PUBLIC KEY', 'CERTIFICATE').map(publicKeyOf);
  createImaKeyring([...before, ...keys]);
  return keys;
}

/** The key (SubjectPublicKeyInfo) of a certificate, and anything else as it is. */
export function publicKeyOf(der: Uint8Array): Uint8Array {
  try {
    return parseCertificate(der).spki;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return der;
  }
}
