import type { TLSSocket } from 'node:tls';
import type { Role } from './attestation-mode.ts';
import { readChannelIdentity } from './channel-binding.ts';
import { closedError, encodeFrame, FrameChannel } from './frame-channel.ts';
import { type Attestation, complete, encodeFailure, exchange } from './handshake.ts';
import type { HandshakeTimer } from './handshake-timer.ts';
import type { ServerNameCheck } from './key-proof-problem.ts';
import type { AttestationSettings } from './options.ts';

/** How long a refused peer may take to fetch the reason, in milliseconds. */
const LINGER_MS = 1000;

/** A TLS connection whose ends have attested each other as its mode says. */
export interface AttestedSocket extends TLSSocket {
  readonly attestation: Attestation;
}

/** Who handshakes, and how. */
export interface AttestSocketOptions {
  readonly role: Role;
  readonly settings: AttestationSettings;
  readonly timer: HandshakeTimer;
  /** Of a client: what is wrong with the name in a certificate of its server. */
  readonly checkServerName?: ServerNameCheck;
  /** Is told of all memory that messages of the peer take. */
  readonly onMemory?: (bytes: number) => void;
}

/**
 * Runs the attestation handshake on a secured connection that nobody else has seen yet. Then the
 * socket has a property `attestation`, and its next byte is the first of the application. When
 * the handshake fails, the peer is told why and the socket closes within a second.
 */
export async function attestSocket(
  socket: TLSSocket,
  { role, settings, timer, checkServerName, onMemory }: AttestSocketOptions,
): Promise<AttestedSocket> {
  const onError = (error: Error): void => timer.fail(closedError(error));
  const onClose = (): void => timer.fail(closedError());
  socket.on('error', onError);
  socket.on('close', onClose);
  const channel = new FrameChannel(socket, timer.signal, onMemory);
  const release = (): void => {
    timer.stop();
    channel.release();
    socket.off('error', onError);
    socket.off('close', onClose);
  };
  try {
    timer.enter('request');
    const context = {
      role,
      channel,
      identity: readChannelIdentity(socket, role),
      ownAddress: formatAddress(socket.localAddress, socket.localPort),
      peerAddress: formatAddress(socket.remoteAddress, socket.remotePort),
      checkServerName,
      settings,
      timer,
    };
    const attestation = await exchange(context);
    await complete(context);
    release();
    Object.defineProperty(socket, 'attestation', { value: attestation, enumerable: true });
    return socket as AttestedSocket;
  } catch (error) {
    release();
    // Work that still goes on for this handshake ends.
    timer.fail(error as Error);
    socket.on('error', () => {});
    // In this phase the own Complete is out: nothing may follow it.
    if (timer.phase === 'complete') socket.destroy();
    else hangUp(socket, encodeFailure(settings, error));
    throw error;
  }
}

/** The attestation of a connection, for sockets that come from elsewhere (`request.socket`). */
export function attestationOf(socket: object): Attestation | undefined {
  return 'attestation' in socket ? (socket as AttestedSocket).attestation : undefined;
}

/** Sends a last message and closes. */
function hangUp(socket: TLSSocket, message: Uint8Array): void {
  socket.end(encodeFrame(message));
  // Unread bytes would turn the close into a reset, which may destroy the message on its way.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on('close', () => clearTimeout(timer));
}

function formatAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return '';
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
