// A daemon with one TLS key, in a thread of its own: a signer must not need the loop that waits.
import { constants, createPrivateKey, privateEncrypt, sign } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { serveSocket } from '@cmc/api/socket-server';
import { p256, p384 } from '@noble/curves/nist.js';

const { address, keyId, pem, chain, delayMs, digestsOnly } = workerData;
const key = createPrivateKey(pem);
const SHA256_DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** As the reference does it, which knows neither message nor scheme. */
function signDigest({ content }) {
  if (key.asymmetricKeyType === 'rsa') {
    return new Uint8Array(privateEncrypt(key, Buffer.concat([SHA256_DIGEST_INFO, content])));
  }
  const curve = key.asymmetricKeyDetails.namedCurve === 'prime256v1' ? p256 : p384;
  const secret = Buffer.from(key.export({ format: 'jwk' }).d, 'base64url');
  return curve.sign(content, secret, { prehash: false, format: 'der', lowS: false });
}

function signMessage({ message, hashAlg, scheme }) {
  const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;
  const padding = scheme === 'rsa-pss' ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
  const input = key.asymmetricKeyType === 'rsa' ? { padding } : {};
  return new Uint8Array(
    sign(hashAlg, message, { key, ...input, saltLength: RSA_PSS_SALTLEN_DIGEST }),
  );
}

const requests = [];
const server = await serveSocket(
  {
    tlsCert: async (request) => {
      if (request.keyId !== keyId) throw new Error('no such key');
      return { certificate: chain };
    },
    attest: async ({ nonce }) => ({ report: nonce }),
    tlsSign: async (request) => {
      requests.push(request);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      const whole = request.message !== undefined && !digestsOnly;
      return { signedContent: whole ? signMessage(request) : signDigest(request) };
    },
  },
  { address },
);
parentPort.on('message', () => parentPort.postMessage(requests));
parentPort.postMessage(server.address);
