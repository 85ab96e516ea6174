import { createHash, createPrivateKey } from 'node:crypto';
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
  tlsSign: async ({ content, message }) => {
    if (config.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, config.delayMs));
    return { signedContent: await signForTls(content, message) };
  },
};

async function signForTls(digest: Uint8Array, message?: Uint8Array): Promise<Uint8Array> {
  if (message === undefined || signer.signMessage === undefined) {
    return ecdsaToDer(await signer.signDigest(digest, 'ES256'));
  }
  // What cmcd does, too, before it believes a message.
  if (!createHash('sha256').update(message).digest().equals(digest)) throw new Error('digest');
  return ecdsaToDer(await signer.signMessage(message, 'ES256'));
}

await serveSocket(daemon as Cmc, { address: config.address });
console.log('listening');
