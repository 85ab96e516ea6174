import type { RequestListener } from 'node:http';
import {
  createServer as createNodeHttpsServer,
  type Server as HttpsServer,
  type ServerOptions as NodeHttpsServerOptions,
} from 'node:https';
import { Duplex } from 'node:stream';
import {
  createServer as createTlsServer,
  TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls';
import type { AttestedSocket } from './attest-socket.ts';
import {
  type AttestationOptions,
  type AttestationSettings,
  resolveAttestation,
  withoutAttestation,
} from './options.ts';
import { ServerGuard } from './server-guard.ts';
import { restrict, serverTlsOptions } from './tls-options.ts';

/** What a server of attested connections takes besides the options of Node. */
export interface AttestedServerOptions extends AttestationOptions {
  /**
   * Peers that may be on their way at the same time, not attested yet. A further one displaces the
   * one that has made no progress for the longest time. Default 256.
   */
  readonly maxUnattested?: number | undefined;
  /**
   * Memory for the messages of those peers together. Beyond it the peer whose messages take the most
   * is dropped. Default 128 MiB.
   */
  readonly maxUnattestedBytes?: number | undefined;
}

/** Options of `tls.createServer` and of attestation. */
export interface ServerOptions extends TlsOptions, AttestedServerOptions {}

/** Options of `https.createServer` and of attestation. */
export interface HttpsServerOptions extends NodeHttpsServerOptions, AttestedServerOptions {}

/**
 * A `tls.Server` whose event `secureConnection`, and `listener`, come after both ends have attested
 * each other as the mode says; the socket has a property `attestation`. For a peer that does not
 * pass there is an event `attestationError` with the error and the closing socket.
 * @throws {TypeError | RangeError} an option is wrong, or would weaken the connections
 */
export function createServer(
  options: ServerOptions,
  listener?: (socket: AttestedSocket) => void,
): TlsServer {
  const settings = resolveAttestation(options);
  const server = createTlsServer(tlsOptionsOf(options));
  guard(server, settings, options);
  if (listener !== undefined) server.on('secureConnection', listener as (s: TLSSocket) => void);
  return server;
}

/**
 * An `https.Server` that sees requests of attested connections only; `attestationOf(request.socket)`
 * tells about the peer. Events as with {@link createServer}.
 * @throws {TypeError | RangeError} an option is wrong, or would weaken the connections
 */
export function createHttpsServer(
  options: HttpsServerOptions,
  listener?: RequestListener,
): HttpsServer {
  const settings = resolveAttestation(options);
  const server = createNodeHttpsServer(tlsOptionsOf(options), listener);
  guard(server, settings, options);
  return server;
}

function tlsOptionsOf({
  maxUnattested: _,
  maxUnattestedBytes: _bytes,
  ...options
}: ServerOptions): TlsOptions {
  return serverTlsOptions(withoutAttestation(options), options.mtls);
}

/**
 * Puts attestation between the events of a server and those who listen to them: however somebody
 * listens, a connection that is not attested is never seen.
 */
function guard(
  server: TlsServer,
  settings: AttestationSettings,
  options: AttestedServerOptions,
): void {
  const emit = server.emit.bind(server);
  const close = server.close.bind(server);
  const setSecureContext = server.setSecureContext.bind(server);
  const addContext = server.addContext.bind(server);
  const serverGuard = new ServerGuard({
    settings,
    maxUnattested: options.maxUnattested,
    maxUnattestedBytes: options.maxUnattestedBytes,
    onAttested: (socket) => emit('secureConnection', socket),
    onError: (error, socket) => emit('attestationError', error, socket),
  });
  server.emit = (event: string | symbol, ...args: readonly unknown[]): boolean => {
    const [connection] = args;
    if (event === 'secureConnection' && connection instanceof TLSSocket) {
      serverGuard.attest(connection);
      return true;
    }
    if (event === 'connection' && connection instanceof Duplex) serverGuard.accept(connection);
    return emit(event, ...args);
  };
  server.close = (callback): TlsServer => {
    serverGuard.close();
    return close(callback);
  };
  server.setSecureContext = (context): void => {
    settings.ownKeys.admit(context);
    settings.peerKeyProofs.admit(context);
    setSecureContext(restrict(context));
  };
  server.addContext = (name, context): void => {
    settings.ownKeys.admit(context);
    addContext(name, context);
  };
  server.once('close', () => settings.cmc?.close());
}
