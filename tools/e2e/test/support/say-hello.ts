import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type DaemonKey, openDaemonKey } from '@cmc/attested-tls';
import { onTestFinished } from 'vitest';
import type { EnrollingDaemon } from './provisioning.ts';

/** An end of a connection: a daemon, and which of its keys. */
export interface End {
  readonly daemon: EnrollingDaemon;
  readonly keyId: string;
}

/** `hello` over a connection whose ends both use keys of their daemons, and attest each other. */
export async function sayHello(
  ca: string,
  ends: Readonly<Record<'server' | 'client', End>>,
): Promise<string> {
  const server = await openDaemonKey({ cmc: ends.server.daemon.address, keyId: ends.server.keyId });
  const client = await openDaemonKey({ cmc: ends.client.daemon.address, keyId: ends.client.keyId });
  try {
    return await connectAndSay(ca, [server, ends.server], [client, ends.client]);
  } finally {
    await server.close();
    await client.close();
  }
}

async function connectAndSay(
  ca: string,
  [serverKey, server]: readonly [DaemonKey, End],
  [clientKey, client]: readonly [DaemonKey, End],
): Promise<string> {
  const common = { attest: 'mutual', mtls: true, ca } as const;
  const listener = createServer(
    { ...serverKey.tls, ...common, cmc: server.daemon.address },
    (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    },
  );
  const refused = once(listener, 'attestationError').then(([error]) => Promise.reject(error));
  refused.catch(() => {});
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(() => void listener.close());
  const { port } = listener.address() as AddressInfo;
  const own = { ...clientKey.tls, ...common, cmc: client.daemon.address };
  const socket = connect({ host: 'localhost', port, ...own });
  socket.write('hello');
  const [answer] = await Promise.race([once(socket, 'data'), refused]);
  socket.destroy();
  return String(answer);
}
