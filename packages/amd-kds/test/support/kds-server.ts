import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseCertificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { createFakeCa, vectorsDir } from '@cmc/testkit';
import { onTestFinished } from 'vitest';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface KdsServer {
  readonly baseUrl: string;
  readonly allowedHosts: readonly string[];
  readonly tlsRoots: readonly string[];
  /** Paths with queries, in the order asked. */
  readonly requests: string[];
  /** What is answered from now on, in place of the certificates. */
  answer(answer: Answer | undefined): void;
}

/** A moment in the validity of all vectors used here. */
export const NOW: Date = new Date('2026-01-15T00:00:00Z');

/** DER of a file of the vectors. */
export async function vectorCertificate(path: string): Promise<Uint8Array> {
  const bytes = await readFile(join(vectorsDir(), path));
  if (!path.endsWith('.pem')) return new Uint8Array(bytes);
  const [certificate] = parsePemCertificates(bytes.toString());
  if (certificate === undefined) throw new Error(`${path}: empty`);
  return certificate.raw;
}

/** Hardware id that the certificate says it is of. */
export function hardwareId(der: Uint8Array): Uint8Array {
  const found = parseCertificate(der).extensions.find(({ oid }) => oid === '1.3.6.1.4.1.3704.1.4');
  if (found === undefined) throw new Error('no hardware id');
  return found.value;
}

export async function pemChain(product: string, authority: 'ask' | 'asvk'): Promise<string> {
  const folder = join(vectorsDir(), 'trust-anchors/amd', product.toLowerCase());
  const [issuer, root] = await Promise.all([
    readFile(join(folder, `${authority}.pem`), 'utf8'),
    readFile(join(folder, 'ark.pem'), 'utf8'),
  ]);
  return `${issuer}${root}`;
}

/** Stands in for the service: genuine chains, and other things at their paths, or one at all others. */
export async function startKds(
  resources: Readonly<Record<string, string | Uint8Array>> | Uint8Array = {},
): Promise<KdsServer> {
  const ca = createFakeCa();
  const own = await ca.issue({ ipAddresses: ['127.0.0.1'], extendedKeyUsage: ['serverAuth'] });
  const requests: string[] = [];
  const chains = new Map<string, string>();
  for (const product of ['Milan', 'Genoa', 'Turin']) {
    chains.set(`/vcek/v1/${product}/cert_chain`, await pemChain(product, 'ask'));
    chains.set(`/vlek/v1/${product}/cert_chain`, await pemChain(product, 'asvk'));
  }
  let special: Answer | undefined;
  const server = createServer(
    { cert: own.chainPem, key: own.privateKeyPem },
    (request, response) => {
      const path = request.url ?? '';
      requests.push(path);
      if (special !== undefined) special(request, response);
      else {
        const own = resources instanceof Uint8Array ? resources : resources[path];
        const found = chains.get(path) ?? own;
        if (found === undefined) response.writeHead(404).end();
        else response.end(found);
      }
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    baseUrl: `https://${host}`,
    allowedHosts: [host],
    tlsRoots: [ca.pem],
    requests,
    answer: (answer) => {
      special = answer;
    },
  };
}
