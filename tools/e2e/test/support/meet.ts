import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AttestationResult } from '@cmc/attestationreport';
import {
  type Attestation,
  type AttestationOptions,
  AttestedTlsError,
  connect,
  createServer,
} from '@cmc/attested-tls';
import type { Testbed } from '@cmc/testbed';

/** What happened on one side of a connection. */
export interface Outcome {
  /** `connected`, or the code of the error. */
  readonly code: string;
  readonly error: AttestedTlsError | undefined;
  /** Verdicts on the other side, in the order in which they came. */
  readonly verdicts: readonly AttestationResult[];
  /** How often the application was told that the connection is there. */
  readonly connections: number;
  /** What the application got from the other side. */
  readonly received: string;
  readonly attestation: Attestation | undefined;
}

export interface Meeting {
  readonly server: Outcome;
  readonly client: Outcome;
}

export interface MeetOptions {
  readonly testbed: Testbed;
  readonly server: AttestationOptions;
  readonly client: AttestationOptions;
  /** Whether the client has a certificate, and the server requires one. */
  readonly clientCertificate: boolean;
  /** Puts something between the two: gets the port of the server, gives the one for the client. */
  readonly via?: (port: number) => Promise<number>;
}

export const FROM_CLIENT = 'written by the client before it was connected';
export const FROM_SERVER = 'written by the server as soon as it was connected';

/** One side, as its application sees it. */
class Side {
  readonly verdicts: AttestationResult[] = [];
  connections = 0;
  received = '';
  error: AttestedTlsError | undefined;
  attestation: Attestation | undefined;
  #settle = (): void => {};
  /** Fulfilled when the side is refused, or connected and has got all that the other one wrote. */
  readonly settled: Promise<void> = new Promise((resolve) => {
    this.#settle = resolve;
  });

  listen(socket: Duplex, expected: string): void {
    socket.on('data', (chunk: Buffer) => {
      if (this.connections === 0) throw new Error('data before the application was told');
      this.received += chunk.toString();
      if (this.received.length >= expected.length) this.#settle();
    });
  }

  connected(attestation: Attestation | undefined): void {
    this.connections++;
    this.attestation = attestation;
  }

  fail(error: unknown): void {
    // Once the connection is there, its end is no news.
    if (this.connections > 0) return;
    if (!(error instanceof AttestedTlsError)) throw error;
    this.error ??= error;
    this.#settle();
  }

  outcome(): Outcome {
    const { error, verdicts, connections, received, attestation } = this;
    const code = error?.code ?? 'connected';
    return { code, error, verdicts, connections, received, attestation };
  }
}

/** One connection from its beginning to the time when both ends are closed. */
export async function meet(options: MeetOptions): Promise<Meeting> {
  const { tls } = options.testbed;
  const [server, client] = [new Side(), new Side()];
  const mtls = options.clientCertificate;
  const listener = createServer(
    {
      ...tls.server,
      ca: tls.ca,
      mtls,
      ...options.server,
      onResult: (result) => server.verdicts.push(result),
    },
    (socket) => {
      server.connected(socket.attestation);
      server.listen(socket, FROM_CLIENT);
      socket.on('error', () => {});
      socket.write(FROM_SERVER);
    },
  );
  listener.on('attestationError', (error) => server.fail(error));
  const accepted = once(listener, 'connection') as Promise<[Duplex]>;
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const socket = connect({
    host: '127.0.0.1',
    port: (await options.via?.(port)) ?? port,
    ca: tls.ca,
    ...(mtls ? { ...tls.client, mtls } : {}),
    ...options.client,
    onResult: (result) => client.verdicts.push(result),
  });
  const closed = once(socket, 'close').catch(() => {});
  client.listen(socket, FROM_SERVER);
  socket.on('secureConnect', () => client.connected(socket.attestation));
  socket.on('error', (error) => client.fail(error));
  socket.write(FROM_CLIENT);
  try {
    await Promise.all([server.settled, client.settled]);
  } finally {
    const [transport] = await accepted;
    socket.destroy();
    await Promise.all([closed, new Promise((resolve) => listener.close(resolve))]);
    transport.destroy();
  }
  return { server: server.outcome(), client: client.outcome() };
}

/** All error codes in a verdict, wherever they are. */
export function errorCodesIn(value: unknown): readonly number[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === 'errorCodes' ? (member as number[]) : errorCodesIn(member),
  );
}
