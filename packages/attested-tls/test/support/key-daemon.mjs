// A daemon with one TLS key, in a thread of its own: a signer must not need the loop that waits.
import { createPrivateKey } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { serveSocket } from '@cmc/api/socket-server';
import { p256 } from '@noble/curves/nist.js';

const { address, keyId, pem, chain, delayMs } = workerData;
const secret = Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d, 'base64url');
let signatures = 0;
const server = await serveSocket(
  {
    tlsCert: async (request) => {
      if (request.keyId !== keyId) throw new Error('no such key');
      return { certificate: chain };
    },
    attest: async ({ nonce }) => ({ report: nonce }),
    tlsSign: async ({ content }) => {
      signatures += 1;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return { signedContent: p256.sign(content, secret, { prehash: false, format: 'der' }) };
    },
  },
  { address },
);
parentPort.on('message', () => parentPort.postMessage(signatures));
parentPort.postMessage(server.address);
