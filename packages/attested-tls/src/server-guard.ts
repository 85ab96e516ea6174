import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type AttestedSocket, attestSocket } from './attest-socket.ts';
import { AttestedTlsError } from './errors.ts';
import { HandshakeTimer } from './handshake-timer.ts';
import type { AttestationSettings } from './options.ts';

const DEFAULT_MAX_UNATTESTED = 256;
const DEFAULT_MAX_UNATTESTED_BYTES = 128 * 1024 * 1024;

/** One connection on the way. */
interface Candidate {
  readonly timer: HandshakeTimer;
  /** Listens to its end. Taken off when it is attested, or all of this would live on with it. */
  readonly onClose: () => void;
  /** Memory that its messages take. */
  bytes: number;
}

export interface ServerGuardOptions {
  readonly settings: AttestationSettings;
  readonly maxUnattested: number | undefined;
  readonly maxUnattestedBytes: number | undefined;
  readonly onAttested: (socket: AttestedSocket) => void;
  readonly onError: (error: unknown, socket: TLSSocket) => void;
}

/**
 * Stands between the TLS layer of a server and its application: attests each connection on its own
 * and hands over those that pass. Peers on the way are limited in number; when there are too many,
 * the one without progress for the longest time is dropped, so that silent ones lock nobody out.
 * When their messages take too much memory, the one whose messages take the most is dropped.
 */
export class ServerGuard {
  readonly #options: ServerGuardOptions;
  readonly #maxUnattested: number;
  /** Connections on the way, by their transport, the one without progress for longest first. */
  readonly #unattested = new Map<Duplex, Candidate>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(options: ServerGuardOptions) {
    const { maxUnattested = DEFAULT_MAX_UNATTESTED } = options;
    const { maxUnattestedBytes = DEFAULT_MAX_UNATTESTED_BYTES } = options;
    for (const [name, value] of Object.entries({ maxUnattested, maxUnattestedBytes })) {
      if (Number.isInteger(value) && value > 0) continue;
      throw new RangeError(`${name}: expected a positive integer, got ${value}`);
    }
    this.#options = options;
    this.#maxUnattested = maxUnattested;
    this.#maxBytes = maxUnattestedBytes;
  }

  /** A connection came in; TLS begins. */
  accept(transport: Duplex): HandshakeTimer {
    if (this.#unattested.size >= this.#maxUnattested) this.#dropSlowest();
    const timer: HandshakeTimer = new HandshakeTimer(this.#options.settings.timeouts, () => {
      // One that is closed already must not come back.
      if (this.#unattested.delete(transport)) this.#unattested.set(transport, candidate);
    });
    const onClose = (): void => {
      timer.stop();
      this.#forget(transport);
    };
    const candidate: Candidate = { timer, onClose, bytes: 0 };
    this.#unattested.set(transport, candidate);
    transport.once('close', onClose);
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
    const timer = this.#unattested.get(transport)?.timer ?? this.accept(transport);
    const onMemory = (bytes: number): void => this.#take(transport, bytes);
    attestSocket(socket, { role: 'server', settings, timer, onMemory }).then(
      (attested) => {
        this.#forget(transport);
        // On its own: what a listener throws is an uncaught exception, as with Node.
        queueMicrotask(() => onAttested(attested));
      },
      // Refused peers count until they are gone.
      (error: unknown) => queueMicrotask(() => onError(error, socket)),
    );
  }

  /** Ends the handshakes that are not over yet. */
  close(): void {
    for (const { timer } of this.#unattested.values()) {
      timer.fail(new AttestedTlsError('ERR_ATLS_CLOSED', 'the server is closing'));
    }
  }

  #dropSlowest(): void {
    const [slowest] = this.#unattested.keys();
    const message = `the slowest of ${this.#maxUnattested} peers that are not attested yet had to go`;
    if (slowest !== undefined) this.#drop(slowest, message);
  }

  #take(transport: Duplex, bytes: number): void {
    const candidate = this.#unattested.get(transport);
    if (candidate === undefined) return;
    candidate.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) {
      const [largest] = [...this.#unattested].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a));
      this.#drop(largest, 'messages of peers that are not attested yet take too much memory');
    }
  }

  #drop(transport: Duplex, message: string): void {
    const timer = this.#unattested.get(transport)?.timer;
    this.#forget(transport);
    timer?.fail(new AttestedTlsError('ERR_ATLS_LIMIT', message));
    transport.destroy();
  }

  #forget(transport: Duplex): void {
    const candidate = this.#unattested.get(transport);
    if (candidate === undefined) return;
    this.#unattested.delete(transport);
    this.#bytes -= candidate.bytes;
    transport.off('close', candidate.onClose);
  }
}

/** The connection below TLS. Node keeps it in a property without a public name. */
function transportOf(socket: TLSSocket): Duplex {
  return (socket as { readonly _parent?: Duplex })._parent ?? socket;
}
