import type { TcpNetConnectOpts } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type AttestedSocket, attestSocket } from './attest-socket.ts';
import { type ClientSocket, createClientSocket } from './client-socket.ts';
import { closedError } from './frame-channel.ts';
import { HandshakeTimer } from './handshake-timer.ts';
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
  const attested = attestClient(inner, settings);
  return createClientSocket(inner, attested, options.allowHalfOpen ?? false);
}

async function attestClient(
  socket: TLSSocket,
  settings: AttestationSettings,
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
  return await attestSocket(socket, { role: 'client', settings, timer });
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
