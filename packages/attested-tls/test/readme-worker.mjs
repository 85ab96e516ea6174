import { parentPort, workerData } from 'node:worker_threads';
import { createServer, openDaemonKey } from '@cmc/attested-tls';

const { cmc, keyId, attest } = workerData;
const key = await openDaemonKey({ cmc, keyId });
const server = createServer(
  { ...key.tls, cmc, attest, requireKeyProtection: 'remote' },
  // The application is here, too: sockets cannot move to another thread.
  (socket) => socket.end(`hello, my key is ${socket.attestation.keyProtection}`),
);
server.listen(0, () => parentPort.postMessage(server.address().port));
