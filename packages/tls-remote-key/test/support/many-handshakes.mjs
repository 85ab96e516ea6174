// A server with a remote key in a process of its own: handshakes, each with a new context, and the
// memory afterwards. Arguments: how many to warm up with, how many then. Needs `--expose-gc`.
import { once } from 'node:events';
import { connect, createSecureContext, createServer } from 'node:tls';
import { createFakeCa, encodePss } from '@cmc/testkit';
import { openRemoteKeys } from '@cmc/tls-remote-key';
import { softSigner } from './soft-signer.mjs';

const [warmUp, count] = process.argv.slice(2).map(Number);
const ca = createFakeCa();
const issued = await ca.issue({ commonName: 'localhost', dnsNames: ['localhost'] });
const sign = softSigner(issued.privateKeyPem, encodePss);
let signatures = 0;
const key = openRemoteKeys().create({
  publicKey: issued.signer.publicKey,
  sign: (request) => {
    signatures += 1;
    return sign(request);
  },
});
const identity = { cert: issued.chainPem, key: key.pem };
const server = createServer({
  SNICallback: (_name, done) => done(null, createSecureContext(identity)),
});
server.on('secureConnection', (socket) => socket.end('x'));
server.listen(0, 'localhost');
await once(server, 'listening');
const { port } = server.address();
const secureContext = createSecureContext({ ca: ca.pem });
const where = { host: 'localhost', servername: 'localhost', secureContext, port };

async function handshakes(times) {
  for (let i = 0; i < times; i++) await once(connect(where).resume(), 'close');
  for (let i = 0; i < 3; i++) globalThis.gc();
  return process.memoryUsage.rss() / 1e6;
}

const before = await handshakes(warmUp);
const after = await handshakes(count);
server.close();
console.log(JSON.stringify({ before, after, signatures }));
