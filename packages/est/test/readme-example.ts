import { generateKeyPairSync, sign } from 'node:crypto';
import type { Signer } from '@cmc/attestationreport';
import { type Certificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { createCsr, createEstClient, parseCsr, verifyCsr } from '@cmc/est';

// A key in memory. Drivers have signers whose keys are in hardware.
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
const signer: Signer = {
  publicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
  certificateChain: [],
  algorithms: ['ES256'],
  signMessage: async (message) => new Uint8Array(sign('sha256', message, key)),
  signDigest: () => Promise.reject(new Error('this key signs only what it hashed itself')),
};

const csr = await createCsr({ signer, subject: { commonName: 'device-7' } });
const request = parseCsr(csr);
console.log(request.subject, await verifyCsr(request)); // CN=device-7 { ok: true }

export async function enroll(url: string, rootsPem: string, token: string): Promise<Certificate> {
  const client = createEstClient({ url, roots: parsePemCertificates(rootsPem), token });
  return await client.simpleEnroll(csr);
}
