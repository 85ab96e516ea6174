import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { AttestedSocket } from './attest-socket.ts';
import { closedError } from './frame-channel.ts';
import type { Attestation } from './handshake.ts';

/** A client's end of an attested connection, from the moment it is asked for. */
export interface ClientSocket extends TLSSocket {
  /** Undefined until `secureConnect`. */
  readonly attestation: Attestation | undefined;
}

/** Events of the TLS socket that do not depend on the attestation. */
const FORWARDED_EVENTS = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
  'connect',
  'ready',
  'timeout',
  'OCSPResponse',
] as const;

/** Properties that are those of the TLS socket. */
const STATE = [
  'alpnProtocol',
  'authorizationError',
  'authorized',
  'autoSelectFamilyAttemptedAddresses',
  'bufferSize',
  'bytesRead',
  'bytesWritten',
  'connecting',
  'encrypted',
  'localAddress',
  'localFamily',
  'localPort',
  'pending',
  'readyState',
  'remoteAddress',
  'remoteFamily',
  'remotePort',
  'servername',
  'timeout',
] as const;

/** Methods whose result is that of the TLS socket. */
const QUERIES: readonly string[] = [
  'address',
  'exportKeyingMaterial',
  'getCertificate',
  'getCipher',
  'getEphemeralKeyInfo',
  'getFinished',
  'getPeerCertificate',
  'getPeerFinished',
  'getPeerX509Certificate',
  'getProtocol',
  'getSession',
  'getSharedSigalgs',
  'getTLSTicket',
  'getTypeOfService',
  'getX509Certificate',
  'isSessionReused',
  'renegotiate',
  'setMaxSendFragment',
];

/** Methods that return the socket they are called on. */
const COMMANDS: readonly string[] = [
  'disableRenegotiation',
  'enableTrace',
  'ref',
  'resetAndDestroy',
  'setKeepAlive',
  'setNoDelay',
  'setTypeOfService',
  'unref',
];

type Callback = (error?: Error | null) => void;

/**
 * What `connect` returns at once. Until both ends are attested, bytes of the handshake are on the
 * TLS socket, and nothing an application does may get in between: so it holds this stream, which
 * is not connected to the TLS socket before. What is written early waits in its buffer.
 */
class HeldSocket extends Duplex {
  readonly #inner: TLSSocket;
  #attestation: Attestation | undefined;
  /** A write or end that waits for the attestation, and whom to tell when that fails. */
  #held: { readonly run: () => void; readonly callback: Callback } | undefined;
  /** The handshake failed, and closes the TLS socket itself. */
  #refused = false;

  constructor(inner: TLSSocket, attested: Promise<AttestedSocket>, allowHalfOpen: boolean) {
    super({ allowHalfOpen, emitClose: false });
    this.#inner = inner;
    for (const event of FORWARDED_EVENTS) {
      inner.on(event, (...args: readonly unknown[]) => this.emit(event, ...args));
    }
    attested.then(
      (socket) => this.#open(socket.attestation),
      (error: Error) => {
        this.#refused = true;
        this.destroy(error);
      },
    );
  }

  get attestation(): Attestation | undefined {
    return this.#attestation;
  }

  override _read(): void {
    if (this.#attestation !== undefined) this.#inner.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: Callback): void {
    this.#whenOpen(callback, () => this.#inner.write(chunk, callback));
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: Callback): void {
    this.#whenOpen(callback, () => {
      this.#inner.cork();
      for (const { chunk } of chunks.slice(0, -1)) this.#inner.write(chunk);
      this.#inner.write(chunks.at(-1)?.chunk ?? '', callback);
      this.#inner.uncork();
    });
  }

  override _final(callback: Callback): void {
    this.#whenOpen(callback, () => this.#inner.end(callback));
  }

  override _destroy(error: Error | null, callback: Callback): void {
    if (!this.#refused) this.#inner.destroy();
    this.#held?.callback(error ?? closedError());
    this.#held = undefined;
    callback(error);
    process.nextTick(() => this.emit('close', error !== null));
  }

  /** Closes once everything is written, as `net.Socket` does. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  setTimeout(ms: number, callback?: () => void): this {
    this.#inner.setTimeout(ms);
    if (callback === undefined) return this;
    return ms === 0 ? this.off('timeout', callback) : this.once('timeout', callback);
  }

  #open(attestation: Attestation): void {
    if (this.destroyed) return;
    const inner = this.#inner;
    inner.on('data', (chunk: Uint8Array) => {
      if (!this.push(chunk)) inner.pause();
    });
    inner.on('end', () => this.push(null));
    inner.on('error', (error) => this.destroy(error));
    inner.on('close', () => {
      if (!inner.readableEnded) this.destroy();
    });
    this.#attestation = attestation;
    this.#held?.run();
    this.#held = undefined;
    // On its own: what a listener throws is an uncaught exception, as with Node.
    queueMicrotask(() => this.emit('secureConnect'));
  }

  #whenOpen(callback: Callback, run: () => void): void {
    if (this.#attestation === undefined) this.#held = { run, callback };
    else run();
  }

  // The members of TLSSocket that Duplex does not have. A test compares with Node's own classes.
  static {
    for (const name of STATE) {
      Object.defineProperty(HeldSocket.prototype, name, {
        get(this: HeldSocket): unknown {
          return this.#inner[name];
        },
      });
    }
    for (const name of [...QUERIES, ...COMMANDS]) {
      // Some came with versions of Node newer than the oldest one supported here.
      if (!(name in TLSSocket.prototype)) continue;
      const isCommand = COMMANDS.includes(name);
      Object.defineProperty(HeldSocket.prototype, name, {
        value(this: HeldSocket, ...args: readonly unknown[]): unknown {
          const result = Reflect.apply(Reflect.get(this.#inner, name), this.#inner, args);
          return isCommand ? this : result;
        },
      });
    }
  }
}

/** A socket for the application over one that is being attested, and that stays half open. */
export function createClientSocket(
  inner: TLSSocket,
  attested: Promise<AttestedSocket>,
  allowHalfOpen: boolean,
): ClientSocket {
  return new HeldSocket(inner, attested, allowHalfOpen) as unknown as ClientSocket;
}
