// Serves TLS in a thread of its own, with a key that takes its time. Plain JavaScript: see
// signer-thread.mjs.
import { createServer } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import { openRemoteKeys, startSignerThread } from '@cmc/tls-remote-key';

const { cert, publicKey, pem, delayMs } = workerData;
const thread = startSignerThread({
  module: new URL('./soft-signer.mjs', import.meta.url),
  data: { pem, delayMs },
  timeoutMs: 60_000,
});
const key = openRemoteKeys().create({
  publicKey,
  sign: (request) => {
    parentPort.postMessage('signing');
    return thread.sign(request);
  },
});
const server = createServer({ cert, key: key.pem }, (socket) => socket.end('hello'));
server.on('tlsClientError', () => {});
server.listen(0, 'localhost', () => parentPort.postMessage(server.address().port));
