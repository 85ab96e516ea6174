import { createPublicKey } from 'node:crypto';
import { createFakeCa, encodePss, type FakeKeyAlgorithm } from '@cmc/testkit';
import {
  type BlockingSigner,
  openRemoteKeys,
  type RemoteKey,
  type SignRequest,
} from '../../src/index.ts';
import { softSigner } from './soft-signer.mjs';

const ca = createFakeCa();

/** One end of a TLS connection whose key is "elsewhere". */
export interface Party {
  readonly ca: string;
  readonly cert: string;
  readonly key: RemoteKey;
  readonly publicKey: Uint8Array;
  /** PKCS #8, PEM: the real key, which TLS never gets. */
  readonly privateKeyPem: string;
  /** How many signatures were made. */
  signatures(): number;
  /** What they were asked for with. */
  readonly requests: readonly SignRequest[];
}

export async function createParty(
  algorithm: FakeKeyAlgorithm,
  wrap: (sign: BlockingSigner) => BlockingSigner = (sign) => sign,
): Promise<Party> {
  const issued = await ca.issue({
    commonName: 'localhost',
    dnsNames: ['localhost'],
    keyAlgorithm: algorithm,
  });
  const publicKey = createPublicKey(issued.privateKeyPem).export({ type: 'spki', format: 'der' });
  const sign = wrap(softSigner(issued.privateKeyPem, encodePss));
  const requests: SignRequest[] = [];
  const key = openRemoteKeys().create({
    publicKey,
    sign: (request) => {
      requests.push(request);
      return sign(request);
    },
  });
  const { chainPem: cert, privateKeyPem } = issued;
  const signatures = (): number => requests.length;
  return { ca: ca.pem, cert, key, publicKey, privateKeyPem, signatures, requests };
}
