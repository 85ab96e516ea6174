import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Certificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { concatBytes } from '@cmc/bytes';
import { createFakeCa, type FakeCa } from '@cmc/testkit';

/** A request as the server got it. */
export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Uint8Array;
  /** Common name in the certificate of the client. */
  readonly client: string | string[] | undefined;
}

export type Answer = (request: ReceivedRequest, response: ServerResponse) => void | Promise<void>;

/** An HTTPS server that answers as the test says. */
export interface FakeServer extends AsyncDisposable {
  readonly url: string;
  readonly ca: FakeCa;
  readonly roots: readonly Certificate[];
  readonly requests: ReceivedRequest[];
  answer: Answer;
}

export async function startFakeServer(
  answer: Answer,
  tls: { readonly dnsNames?: readonly string[] } & ServerOptions = {},
): Promise<FakeServer> {
  const { dnsNames = ['localhost'], ...options } = tls;
  const ca = await createFakeCa();
  const issued = await ca.issue({ commonName: 'est', dnsNames, extendedKeyUsage: ['serverAuth'] });
  const requests: ReceivedRequest[] = [];
  const fake = {
    ca,
    roots: parsePemCertificates(ca.pem),
    requests,
    answer,
    url: '',
    [Symbol.asyncDispose]: () => stop(server),
  };
  const server = createServer(
    {
      key: issued.privateKeyPem,
      cert: issued.chainPem,
      ca: ca.pem,
      requestCert: true,
      rejectUnauthorized: false,
      ...options,
    },
    async (incoming, response) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
      const peer = (incoming.socket as TLSSocket).getPeerCertificate();
      const request = {
        method: incoming.method ?? '',
        url: incoming.url ?? '',
        headers: incoming.headers,
        body: concatBytes(...chunks),
        client: peer.subject?.CN,
      };
      requests.push(request);
      await fake.answer(request, response);
    },
  );
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  fake.url = `https://localhost:${(server.address() as AddressInfo).port}`;
  return fake;
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
