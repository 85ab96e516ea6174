import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from '@cmc/attested-tls';
import { createFakeCa } from '@cmc/testkit';
import { onTestFinished } from 'vitest';
import type { End } from './say-hello.ts';

/**
 * The certificate, DER, with which a server proves who it is besides its TLS key, which is of another
 * authority and in this process. The client believes proofs under `roots`, and takes no server without.
 */
export async function provenKey(roots: string, { daemon, keyId }: End): Promise<Buffer> {
  const ca = createFakeCa();
  const { chainPem: cert, privateKeyPem: key } = await ca.issue({
    commonName: 'server',
    dnsNames: ['localhost'],
  });
  const options = { attest: 'none', cmc: daemon.address, cert, key, keyProof: { keyId } } as const;
  const listener = createServer({ ...options, requireKeyProtection: 'bound' }, (socket) => {
    socket.on('error', () => {});
    socket.end(String(socket.attestation.keyProtection));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(() => void listener.close());
  const { port } = listener.address() as AddressInfo;
  const socket = connect({
    host: 'localhost',
    port,
    ca: ca.pem,
    attest: 'none',
    keyProofRoots: roots,
    requirePeerKeyProof: true,
  });
  const [protection] = await once(socket, 'data');
  if (String(protection) !== 'bound') throw new Error(`the TLS key is ${protection}`);
  const { certificate } = socket.attestation?.peerKeyProof ?? {};
  if (certificate === undefined) throw new Error('no proof of a key came');
  return Buffer.from(certificate);
}
