import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createFakeCa, type FakeCa } from '@cmc/testkit';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Common name of the client certificate. */
  readonly client?: string | undefined;
}

export interface TestServer {
  readonly url: string;
  readonly ca: FakeCa;
  readonly received: Received[];
}

export interface TestServerOptions {
  readonly secure?: boolean;
  readonly ca?: FakeCa;
  readonly answer?: (response: ServerResponse, count: number) => void;
}

/** Takes everything that comes; the answer is 201 unless `answer` gives another one. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { secure = true, ca = createFakeCa() } = options;
  const answer = options.answer ?? ((response) => void response.writeHead(201).end());
  const received: Received[] = [];
  const listener = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, url: path, headers } = request;
    const client = (request.socket as TLSSocket).getPeerCertificate?.().subject?.CN;
    received.push({ method, path, headers, body, client: client?.toString() });
    answer(response, received.length);
  };
  const own = await ca.issue({ ipAddresses: ['127.0.0.1'], extendedKeyUsage: ['serverAuth'] });
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    // A client that goes away is what some tests are about.
    listener(request, response).catch(() => response.destroy());
  };
  const server = secure
    ? createHttpsServer(
        {
          cert: own.chainPem,
          key: own.privateKeyPem,
          ca: ca.pem,
          requestCert: true,
          rejectUnauthorized: false,
        },
        handle,
      )
    : createHttpServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`, ca, received };
}
