import * as tls from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import { listen } from './mutual-tls.ts';
import { openKey } from './remote-key.ts';

// A worker that serves TLS with a key of the daemon at this address.
const key = await openKey(workerData);
const server = tls.createServer(key.tls, (socket) => socket.on('error', () => {}));
parentPort?.postMessage(await listen(server));
