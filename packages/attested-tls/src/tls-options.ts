import { constants } from 'node:crypto';
import type { ConnectionOptions, TlsOptions } from 'node:tls';

/** The only version in which exporter and handshake mean what attestation needs. */
const VERSION = 'TLSv1.3';

/** Options that would weaken what attestation relies on, and why. */
const REFUSED: Readonly<Record<string, string>> = Object.freeze({
  session: 'sessions are not resumed',
  ticketKeys: 'sessions are not resumed',
  pskCallback: 'both ends are identified by certificates',
  secureProtocol: `only ${VERSION} is used`,
  onread: 'it would bypass the handshake',
});

/**
 * Options of `node:tls` for a client, restricted to full TLS 1.3 handshakes.
 * @throws {TypeError} an option contradicts that
 */
export function clientTlsOptions<T extends ConnectionOptions>(options: T, mtls = false): T {
  if (mtls && (options.cert ?? options.pfx ?? options.secureContext) === undefined) {
    throw new TypeError('mtls: expected a certificate (options cert and key, or pfx)');
  }
  return restrict(options);
}

/**
 * Options of `node:tls` for a server, restricted to full TLS 1.3 handshakes.
 * @throws {TypeError} an option contradicts that
 */
export function serverTlsOptions<T extends TlsOptions>(options: T, mtls = false): T {
  const restricted = restrict(options);
  if (!mtls) return restricted;
  if (options.requestCert === false || options.rejectUnauthorized === false) {
    throw new TypeError('mtls: contradicts requestCert or rejectUnauthorized');
  }
  return { ...restricted, requestCert: true, rejectUnauthorized: true };
}

/** Options of a secure context, restricted to full TLS 1.3 handshakes. @throws {TypeError} */
export function restrict<T extends object>(options: T): T {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const reason = REFUSED[name];
    if (reason !== undefined) throw new TypeError(`${name}: not possible, ${reason}`);
    if ((name === 'minVersion' || name === 'maxVersion') && value !== VERSION) {
      throw new TypeError(`${name}: expected ${VERSION}, got ${String(value)}`);
    }
  }
  const secureOptions = 'secureOptions' in options ? Number(options.secureOptions ?? 0) : 0;
  return {
    ...options,
    minVersion: VERSION,
    maxVersion: VERSION,
    secureOptions: secureOptions | constants.SSL_OP_NO_TICKET,
  };
}
