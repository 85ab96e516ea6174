// Signs digests in software, synchronously: what a TPM or a daemon does elsewhere.
import { constants, createPrivateKey, privateEncrypt } from 'node:crypto';
import { p256, p384, p521 } from '@noble/curves/nist.js';

const CURVES = { prime256v1: p256, secp384r1: p384, secp521r1: p521 };
/** DER of DigestInfo up to the digest (RFC 8017, section 9.2). */
const DIGEST_INFO = {
  'SHA-256': '3031300d060960864801650304020105000420',
  'SHA-384': '3041300d060960864801650304020205000430',
  'SHA-512': '3051300d060960864801650304020305000440',
};

/** @param {string} pem PKCS #8 @returns {(request: object) => Uint8Array} */
export function softSigner(pem, encodePss) {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType === 'ec') {
    const curve = CURVES[key.asymmetricKeyDetails.namedCurve];
    const secret = Buffer.from(key.export({ format: 'jwk' }).d, 'base64url');
    return ({ digest }) =>
      curve.sign(digest, secret, { prehash: false, format: 'der', lowS: false });
  }
  return ({ digest, hash, scheme }) => {
    if (scheme === 'rsa-pkcs1') {
      const info = Buffer.concat([Buffer.from(DIGEST_INFO[hash], 'hex'), digest]);
      return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, info);
    }
    const encoded = encodePss(digest, hash, key.asymmetricKeyDetails.modulusLength);
    return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded);
  };
}

/** For `startSignerThread`. Of a list of delays each is for one signature, the last for all others. */
export function createSigner({ pem, delayMs = 0, failure, answer }) {
  const sign = softSigner(pem);
  const delays = [delayMs].flat();
  return async (request) => {
    const delay = delays.length > 1 ? delays.shift() : delays[0];
    await new Promise((resolve) => setTimeout(resolve, delay));
    if (failure !== undefined) throw new Error(failure);
    return answer ?? sign(request);
  };
}
