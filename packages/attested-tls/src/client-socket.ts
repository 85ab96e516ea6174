import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { AttestedSocket } from './attest-socket.ts';
import { closedError } from './frame-channel.ts';
import type { Attestation } from './handshake.ts';

/** A client's end of an attested connection, from the moment it is asked for. */
export interface ClientSocket extends TLSSocket {
  /** Undefined until `secureConnect`. */
  readonly attestation: Attestation | undefined;
}

type Callback = (error?: Error | null) => void;

/**
 * What `connect` returns at once. Until both ends are attested, bytes of the handshake are on the
 * TLS socket, and nothing an application does may get in between: so it holds this stream, which
 * is not connected to the TLS socket before. What is written early waits in its buffer.
 */
class HeldSocket extends Duplex {
  readonly inner: TLSSocket;
  attestation: Attestation | undefined;
  /** A write or end that waits for the attestation, and whom to tell when that fails. */
  #held: { readonly run: () => void; readonly callback: Callback } | undefined;
  /** The handshake failed, and closes the TLS socket itself. */
  #refused = false;

  constructor(inner: TLSSocket, attested: Promise<AttestedSocket>, allowHalfOpen: boolean) {
    super({ allowHalfOpen, emitClose: false });
    this.inner = inner;
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

  override _read(): void {
    if (this.attestation !== undefined) this.inner.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: Callback): void {
    this.#whenOpen(callback, () => this.inner.write(chunk, callback));
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: Callback): void {
    this.#whenOpen(callback, () => {
      this.inner.cork();
      for (const { chunk } of chunks.slice(0, -1)) this.inner.write(chunk);
      this.inner.write(chunks.at(-1)?.chunk ?? '', callback);
      this.inner.uncork();
    });
  }

  override _final(callback: Callback): void {
    this.#whenOpen(callback, () => this.inner.end(callback));
  }

  override _destroy(error: Error | null, callback: Callback): void {
    if (!this.#refused) this.inner.destroy();
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
    this.inner.setTimeout(ms);
    if (callback === undefined) return this;
    return ms === 0 ? this.off('timeout', callback) : this.once('timeout', callback);
  }

  #open(attestation: Attestation): void {
    if (this.destroyed) return;
    const { inner } = this;
    inner.on('data', (chunk: Uint8Array) => {
      if (!this.push(chunk)) inner.pause();
    });
    inner.on('end', () => this.push(null));
    inner.on('error', (error) => this.destroy(error));
    inner.on('close', () => {
      if (!inner.readableEnded) this.destroy();
    });
    this.attestation = attestation;
    this.#held?.run();
    this.#held = undefined;
    this.emit('secureConnect');
  }

  #whenOpen(callback: Callback, run: () => void): void {
    if (this.attestation === undefined) this.#held = { run, callback };
    else run();
  }
}

/** A socket for the application over one that is being attested, and that stays half open. */
export function createClientSocket(
  inner: TLSSocket,
  attested: Promise<AttestedSocket>,
  allowHalfOpen: boolean,
): ClientSocket {
  // Members that Duplex does not have are defined below: a test compares with Node's own classes.
  return new HeldSocket(inner, attested, allowHalfOpen) as unknown as ClientSocket;
}

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

const QUERIES = [
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
  'getX509Certificate',
  'isSessionReused',
  'renegotiate',
  'setMaxSendFragment',
] as const;

const COMMANDS = [
  'disableRenegotiation',
  'enableTrace',
  'ref',
  'resetAndDestroy',
  'setKeepAlive',
  'setNoDelay',
  'unref',
] as const;

type Method = (this: TLSSocket, ...args: unknown[]) => unknown;

for (const name of STATE) {
  Object.defineProperty(HeldSocket.prototype, name, {
    get(this: HeldSocket) {
      return this.inner[name];
    },
  });
}
for (const name of QUERIES) {
  Object.defineProperty(HeldSocket.prototype, name, {
    value(this: HeldSocket, ...args: unknown[]) {
      return (this.inner[name] as Method).apply(this.inner, args);
    },
  });
}
for (const name of COMMANDS) {
  Object.defineProperty(HeldSocket.prototype, name, {
    value(this: HeldSocket, ...args: unknown[]) {
      (this.inner[name] as Method).apply(this.inner, args);
      return this;
    },
  });
}
