import type { TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import { type AttestedSocket, attestSocket } from './attest-socket.ts';
import { type ClientSocket, createClientSocket } from './client-socket.ts';
import { closedError } from './frame-channel.ts';
import { HandshakeTimer } from './handshake-timer.ts';
import type { ServerNameCheck } from './key-proof-problem.ts';
import type { AttestationSettings } from './options.ts';

/** Options of `tls.connect`, with those of `net.connect` that it passes on. */
export interface DialOptions
  extends ConnectionOptions,
    Pick<
      TcpNetConnectOpts,
      | 'allowHalfOpen'
      | 'autoSelectFamily'
      | 'autoSelectFamilyAttemptTimeout'
      | 'family'
      | 'hints'
      | 'keepAlive'
      | 'keepAliveInitialDelay'
      | 'localAddress'
      | 'localPort'
      | 'noDelay'
      | 'signal'
    > {}

/** Connects, and attests. `options` must come from `clientTlsOptions`. */
export function dial(options: DialOptions, settings: AttestationSettings): ClientSocket {
  // The inner socket must not end by itself while the outer one has something left to write.
  const halfOpen: DialOptions = { ...options, allowHalfOpen: true };
  const inner = connect(halfOpen);
  const attested = attestClient(inner, settings, serverNameCheckOf(options));
  return createClientSocket(inner, attested, options.allowHalfOpen ?? false);
}

/** Names are checked as Node checks that of the TLS certificate, also where it is told how. */
function serverNameCheckOf(options: DialOptions): ServerNameCheck {
  const { servername, host, socket, checkServerIdentity: check = checkServerIdentity } = options;
  // Node keeps the name that a socket was connected to in a property without a public name.
  const socketHost = (socket as { readonly _host?: string } | undefined)?._host;
  const name = servername || host || socketHost || 'localhost';
  return (certificate) => check(name, certificate);
}

async function attestClient(
  socket: TLSSocket,
  settings: AttestationSettings,
  checkServerName: ServerNameCheck,
): Promise<AttestedSocket> {
  const timer = new HandshakeTimer(settings.timeouts);
  timer.enter('tls');
  try {
    await secured(socket, timer.signal);
  } catch (error) {
    timer.stop();
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  }
  return await attestSocket(socket, { role: 'client', settings, timer, checkServerName });
}

/** Waits for the TLS handshake, which includes the check of the server's identity. */
function secured(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void): void => {
      socket.off('secureConnect', onSecure);
      socket.off('error', onError);
      socket.off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      outcome();
    };
    const onSecure = (): void => settle(resolve);
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => onError(closedError());
    const onAbort = (): void => onError(signal.reason);
    socket.on('secureConnect', onSecure);
    socket.on('error', onError);
    socket.on('close', onClose);
    signal.addEventListener('abort', onAbort);
  });
}
