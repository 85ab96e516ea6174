import { createPrivateKey } from 'node:crypto';
import type { Cmc } from '@cmc/api';
import { serveSocket } from '@cmc/api/socket-server';
import { softwareSigner } from '@cmc/driver-sw';
import { ecdsaToDer } from '@cmc/est';
import type { KeyDaemonConfig } from './remote-key.ts';

// A process that does what cmcd does for a TLS key, and nothing else.
const config = JSON.parse(process.argv[2] ?? '') as KeyDaemonConfig;
const signer = softwareSigner({ privateKey: createPrivateKey(config.privateKey) });
const daemon: Partial<Cmc> = {
  tlsCert: async () => ({ certificate: [Buffer.from(config.certificate)] }),
  tlsSign: async ({ content }) => {
    if (config.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, config.delayMs));
    return { signedContent: ecdsaToDer(await signer.signDigest(content, 'ES256')) };
  },
};
await serveSocket(daemon as Cmc, { address: config.address });
console.log('listening');
