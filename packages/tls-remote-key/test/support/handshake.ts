import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect, createServer, type TlsOptions } from 'node:tls';

export interface HandshakeOutcome {
  /** What the client read; `undefined` when the handshake failed. */
  readonly text?: string;
  readonly clientError?: Error;
  readonly serverError?: Error;
}

/** One full handshake; the server greets. */
export async function handshake(
  serverOptions: TlsOptions,
  clientOptions: ConnectionOptions,
): Promise<HandshakeOutcome> {
  const server = createServer(serverOptions, (socket) => {
    socket.on('error', () => {});
    socket.end('hello');
  });
  let serverError: Error | undefined;
  server.on('tlsClientError', (error) => {
    serverError = error;
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ ...clientOptions, host: 'localhost', port });
  client.setEncoding('utf8');
  let text: string | undefined;
  let clientError: Error | undefined;
  client.on('data', (data: string) => {
    text = (text ?? '') + data;
  });
  client.on('error', (error) => {
    clientError = error;
  });
  // Not `once`, which rejects when the socket reports an error.
  await new Promise((resolve) => client.once('close', resolve));
  server.close();
  await once(server, 'close');
  return {
    ...(text === undefined ? {} : { text }),
    ...(clientError === undefined ? {} : { clientError }),
    ...(serverError === undefined ? {} : { serverError }),
  };
}
