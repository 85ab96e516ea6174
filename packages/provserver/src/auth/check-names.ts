import type { CertificationRequest } from '@cmc/est';
import { HttpError } from '../http/http-error.ts';
import type { CertificateRecord, IssueMethod } from '../store/store.ts';
import type { CertificateGrant } from './certificate-method.ts';
import type { Grant } from './grant.ts';
import { alternativeNamesOf, type RequestSubject } from './request-subject.ts';
import { refusedToken } from './token-method.ts';

/** Methods behind which there is a device that was attested. */
const ATTESTED: readonly IssueMethod[] = ['attestation', 'tpm-certify', 'tpm-activate'];

/** Peers look at alternative names, and at the common name: both are claims. */
export function checkNames(subject: RequestSubject, { by, allows }: Grant): void {
  const wrong = [subject.commonName, ...alternativeNamesOf(subject)].find((name) => !allows(name));
  if (wrong === undefined) return;
  throw new HttpError(403, `no certificate for ${JSON.stringify(wrong)}: ${by} does not allow it`);
}

/** Otherwise a device could be attested once, changed, and renew its certificate for ever. */
export function checkRenewable({ record }: CertificateGrant): void {
  if (!ATTESTED.includes(record.method)) return;
  throw new HttpError(403, 'the client certificate was given for an attestation: attest again');
}

/** RFC 7030, section 4.2.2: the names of the certificate that is renewed, all of them. */
export function checkSameNames(
  csr: CertificationRequest,
  subject: RequestSubject,
  { record }: CertificateGrant,
): void {
  const wanted = { subject: csr.subject, names: alternativeNamesOf(subject) };
  if (isFor(record, wanted)) return;
  throw new HttpError(403, 'the names have to be those of the client certificate');
}

/** A repeated request gets what was recorded for it, and nothing that is not good any more. */
export function checkRepeated(
  record: CertificateRecord,
  wanted: Pick<CertificateRecord, 'subject' | 'names' | 'method'>,
  now: Date,
): void {
  // The certificate of an attestation key is given to nobody but its TPM.
  if (record.method !== wanted.method) {
    throw new HttpError(403, 'the token was spent at another endpoint');
  }
  if (!isFor(record, wanted)) throw new HttpError(403, 'the token was spent for other names');
  if (record.revoked !== undefined) throw new HttpError(403, 'the certificate was revoked');
  if (record.notAfter < now) throw refusedToken('spent');
}

/** R49: whoever comes with the name of a device has to have its keys. */
export function refusedDevice(): HttpError {
  return new HttpError(403, 'the device, or its attestation key, is registered with other keys');
}

function isFor(
  record: CertificateRecord,
  { subject, names }: Pick<CertificateRecord, 'subject' | 'names'>,
): boolean {
  return (
    record.subject === subject &&
    record.names.length === names.length &&
    record.names.every((name, index) => name === names[index])
  );
}
