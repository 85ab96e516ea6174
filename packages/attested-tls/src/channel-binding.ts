import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { ByteWriter, encodeUtf8, toHex } from '@cmc/bytes';
import type { AttestationMode, Role } from './attestation-mode.ts';
import { AttestedTlsError } from './errors.ts';

/** What the reports of a connection are bound to, besides the TLS session itself. */
export type KeyBinding = 'exporter' | 'spki-v1';

const EXPORTER_BYTES = 32;
const EXPORTER_LABELS: Readonly<Record<Role, string>> = Object.freeze({
  client: 'EXPORTER-CMC-Attestation-Client',
  server: 'EXPORTER-CMC-Attestation-Server',
});
/** In TLS 1.3 an empty context and none are the same. */
const NO_CONTEXT = Buffer.alloc(0);
const SPKI_V1_LABEL = 'CMC aTLS 1.3.0 spki-v1';

/** What identifies one TLS connection and its ends. */
export interface ChannelIdentity {
  /** Exporter value for the report of each role. */
  readonly exporters: Readonly<Record<Role, Uint8Array>>;
  /** Leaf certificates that were sent, DER. */
  readonly certificates: Readonly<Record<Role, Uint8Array | undefined>>;
}

/**
 * Identity of an established TLS connection.
 * @throws {AttestedTlsError} ERR_ATLS_TLS, ERR_ATLS_RESUMED, ERR_ATLS_EXPORTER: the connection is
 *   not one that reports can be bound to
 */
export function readChannelIdentity(socket: TLSSocket, role: Role): ChannelIdentity {
  const protocol = socket.getProtocol();
  if (protocol !== 'TLSv1.3') {
    throw new AttestedTlsError('ERR_ATLS_TLS', `expected TLSv1.3, got ${protocol ?? 'none'}`);
  }
  if (socket.isSessionReused()) {
    throw new AttestedTlsError('ERR_ATLS_RESUMED', 'the TLS session was resumed');
  }
  // Not the X509 variants: they take longer, and on a client that of the peer works only once.
  const peer = certificateBytes(socket.getPeerCertificate());
  if (role === 'client' && peer === undefined) {
    throw new AttestedTlsError('ERR_ATLS_TLS', 'the server has no certificate');
  }
  // A server that asks for no certificate sends no signature algorithms for one: then none was sent.
  const sent = role === 'server' || socket.getSharedSigalgs().length > 0;
  const own = sent ? certificateBytes(socket.getCertificate()) : undefined;
  return {
    exporters: { client: exportValue(socket, 'client'), server: exportValue(socket, 'server') },
    certificates: role === 'client' ? { client: own, server: peer } : { client: peer, server: own },
  };
}

/** Peer id: lower-case hex SHA-256 of the certificate, empty without one. */
export function peerIdOf(certificate: Uint8Array | undefined): string {
  return certificate === undefined ? '' : toHex(sha256(certificate));
}

/** Nonces that the reports of both roles must carry. */
export function reportNonces(
  binding: KeyBinding,
  mode: AttestationMode,
  identity: ChannelIdentity,
): Readonly<Record<Role, Uint8Array>> {
  if (binding === 'exporter') return identity.exporters;
  const nonceOf = (role: Role): Uint8Array => {
    const writer = new ByteWriter().sized32(encodeUtf8(SPKI_V1_LABEL));
    for (const part of channelParts({ role, mode, identity })) writer.sized32(part);
    return sha256(writer.finish());
  };
  return { client: nonceOf('client'), server: nonceOf('server') };
}

/** One connection, seen from one of its ends. */
export interface ChannelEnd {
  /** Of the end that proves something. */
  readonly role: Role;
  readonly mode: AttestationMode;
  readonly identity: ChannelIdentity;
}

/** What proofs of one end are bound to, part by part: nothing that another connection has, too. */
export function channelParts({ role, mode, identity }: ChannelEnd): readonly Uint8Array[] {
  const { exporters, certificates } = identity;
  return [
    encodeUtf8(role),
    exporters[role],
    encodeUtf8(mode),
    spkiHash(certificates.server),
    spkiHash(certificates.client),
  ];
}

/** The same few certificates come again and again. */
const MAX_KNOWN_KEYS = 256;
/** Hashes of keys, by the hash of the certificate. */
const knownKeys = new Map<string, Uint8Array>();

/** SHA-256 of the SubjectPublicKeyInfo of a certificate, empty without one. */
export function spkiHash(certificate: Uint8Array | undefined): Uint8Array {
  if (certificate === undefined) return new Uint8Array();
  const id = peerIdOf(certificate);
  const known = knownKeys.get(id);
  if (known !== undefined) return known;
  try {
    const hash = sha256(parseCertificate(certificate).spki);
    if (knownKeys.size === MAX_KNOWN_KEYS) knownKeys.clear();
    knownKeys.set(id, hash);
    return hash;
  } catch (cause) {
    throw new AttestedTlsError('ERR_ATLS_TLS', 'a TLS certificate is malformed', { cause });
  }
}

function exportValue(socket: TLSSocket, role: Role): Uint8Array {
  try {
    return new Uint8Array(
      socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABELS[role], NO_CONTEXT),
    );
  } catch (cause) {
    throw new AttestedTlsError('ERR_ATLS_EXPORTER', 'TLS gives no exporter value', { cause });
  }
}

function certificateBytes(certificate: object | null): Uint8Array | undefined {
  // Node gives an empty object, or null, where there is no certificate.
  if (certificate === null || !('raw' in certificate)) return undefined;
  return certificate.raw instanceof Uint8Array ? certificate.raw : undefined;
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
