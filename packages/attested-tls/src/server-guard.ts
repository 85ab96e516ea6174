import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type AttestedSocket, attestSocket } from './attest-socket.ts';
import { AttestedTlsError } from './errors.ts';
import { HandshakeTimer } from './handshake-timer.ts';
import type { AttestationSettings } from './options.ts';

const DEFAULT_MAX_UNATTESTED = 256;

export interface ServerGuardOptions {
  readonly settings: AttestationSettings;
  readonly maxUnattested: number | undefined;
  readonly onAttested: (socket: AttestedSocket) => void;
  readonly onError: (error: unknown, socket: TLSSocket) => void;
}

/**
 * Stands between the TLS layer of a server and its application: attests each connection on its own
 * and hands over those that pass. Peers on the way are limited in number; when there are too many,
 * the one without progress for the longest time is dropped, so that silent ones lock nobody out.
 */
export class ServerGuard {
  readonly #options: ServerGuardOptions;
  readonly #maxUnattested: number;
  /** Connections on the way, by their transport, the one without progress for longest first. */
  readonly #unattested = new Map<Duplex, HandshakeTimer>();

  constructor(options: ServerGuardOptions) {
    const { maxUnattested = DEFAULT_MAX_UNATTESTED } = options;
    if (!(Number.isInteger(maxUnattested) && maxUnattested > 0)) {
      throw new RangeError(`maxUnattested: expected a positive integer, got ${maxUnattested}`);
    }
    this.#options = options;
    this.#maxUnattested = maxUnattested;
  }

  /** A connection came in; TLS begins. */
  accept(transport: Duplex): HandshakeTimer {
    if (this.#unattested.size >= this.#maxUnattested) this.#dropSlowest();
    const timer: HandshakeTimer = new HandshakeTimer(this.#options.settings.timeouts, () => {
      // One that is closed already must not come back.
      if (this.#unattested.delete(transport)) this.#unattested.set(transport, timer);
    });
    this.#unattested.set(transport, timer);
    transport.once('close', () => {
      this.#unattested.get(transport)?.stop();
      this.#unattested.delete(transport);
    });
    timer.enter('tls');
    timer.signal.addEventListener('abort', () => {
      // Later phases tell the peer why, and close.
      if (timer.phase === 'tls') transport.destroy();
    });
    return timer;
  }

  /** TLS is established; attestation begins. */
  attest(socket: TLSSocket): void {
    const { settings, onAttested, onError } = this.#options;
    const transport = transportOf(socket);
    const timer = this.#unattested.get(transport) ?? this.accept(transport);
    attestSocket(socket, { role: 'server', settings, timer }).then(
      (attested) => {
        this.#unattested.delete(transport);
        // On its own: what a listener throws is an uncaught exception, as with Node.
        queueMicrotask(() => onAttested(attested));
      },
      // Refused peers count until they are gone.
      (error: unknown) => queueMicrotask(() => onError(error, socket)),
    );
  }

  /** Ends the handshakes that are not over yet. */
  close(): void {
    for (const timer of this.#unattested.values()) {
      timer.fail(new AttestedTlsError('ERR_ATLS_CLOSED', 'the server is closing'));
    }
  }

  #dropSlowest(): void {
    for (const [transport, timer] of this.#unattested) {
      this.#unattested.delete(transport);
      const message = `the slowest of ${this.#maxUnattested} peers that are not attested yet had to go`;
      timer.fail(new AttestedTlsError('ERR_ATLS_LIMIT', message));
      transport.destroy();
      return;
    }
  }
}

/** The connection below TLS. Node keeps it in a property without a public name. */
function transportOf(socket: TLSSocket): Duplex {
  return (socket as { readonly _parent?: Duplex })._parent ?? socket;
}
