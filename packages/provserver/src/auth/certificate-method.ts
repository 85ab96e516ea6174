import { type Certificate, parseCertificate, verifyChain } from '@cmc/attestationreport/x509';
import { DecodeError, equalBytes, toHex } from '@cmc/bytes';
import { ipText, KeyPurpose, normalName } from '@cmc/est';
import { HttpError } from '../http/http-error.ts';
import type { ProvRequestHead } from '../http/route.ts';
import type { CertificateRecord, Store } from '../store/store.ts';
import type { Grant } from './grant.ts';

/** A client certificate that counts. */
export interface CertificateGrant extends Grant {
  readonly certificate: Certificate;
  readonly record: CertificateRecord;
}

export interface CertificateCheck {
  readonly store: Store;
  /** Certificates of this authority. */
  readonly authorities: readonly Certificate[];
  readonly now: Date;
}

const OID_COMMON_NAME = '2.5.4.3';

/** The certificate that the client has the key of, not checked. @throws {HttpError} 403 */
export function clientCertificateOf({ peerCertificate }: ProvRequestHead): Uint8Array {
  if (peerCertificate !== undefined) return peerCertificate;
  throw new HttpError(403, 'a client certificate is needed');
}

/**
 * A client certificate when this server issued it for TLS clients, and has not revoked it.
 * @throws {HttpError} 403
 */
export async function checkClientCertificate(
  der: Uint8Array,
  { store, authorities, now }: CertificateCheck,
): Promise<CertificateGrant> {
  const certificate = parsed(der);
  // What other authorities under the same root issued is not in the records.
  const record = await store.certificate(toHex(certificate.serialNumber));
  if (record === undefined || !equalBytes(record.certificate, certificate.raw)) {
    throw refused('was not issued by this server');
  }
  if (record.revoked !== undefined) throw refused('was revoked');
  const chain = await verifyChain({
    leaf: certificate,
    intermediates: [],
    roots: authorities,
    now,
  });
  if (!chain.ok) throw refused(`is not valid: ${chain.reason}`);
  if (certificate.extendedKeyUsage?.includes(KeyPurpose.clientAuth) !== true) {
    throw refused('is not one of a TLS client');
  }
  const names = new Set(namesOf(certificate));
  const by = 'the client certificate';
  return { by, certificate, record, allows: (name) => names.has(normalName(name)) };
}

/** Common name and alternative names of a certificate. */
function namesOf({ subjectName, subjectAlternativeName }: Certificate): readonly string[] {
  const { dnsNames = [], ipAddresses = [] } = subjectAlternativeName ?? {};
  const common = subjectName.attributes.filter(({ oid }) => oid === OID_COMMON_NAME);
  return [
    ...common.map(({ value }) => value),
    ...dnsNames,
    ...ipAddresses.flatMap((octets) => ipText(octets) ?? []),
  ].map(normalName);
}

function parsed(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof DecodeError) throw refused('cannot be read');
    throw error;
  }
}

function refused(problem: string): HttpError {
  return new HttpError(403, `the client certificate ${problem}`);
}
