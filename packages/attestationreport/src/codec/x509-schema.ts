import type { Validity } from '../types/metadata.ts';
import type { PkixExtension, X509CertExtracted, X509Name } from '../types/result.ts';
import { bool, bytes, hex, int, list, nullable, text } from './kinds.ts';
import { field, optional, type StructSchema, struct } from './struct.ts';

/** A period. */
export const validitySchema: StructSchema<Validity> = struct<Validity>('Validity', {
  notBefore: field(0, text),
  notAfter: field(1, text),
});

const x509NameSchema = struct<X509Name>('X509Name', {
  country: optional(0, list(text)),
  organization: optional(1, list(text)),
  organizationalUnit: optional(2, list(text)),
  locality: optional(3, list(text)),
  province: optional(4, list(text)),
  streetAddress: optional(5, list(text)),
  postalCode: optional(6, list(text)),
  serialNumber: optional(7, text),
  commonName: optional(8, text),
});

const pkixExtensionSchema = struct<PkixExtension>('PkixExtension', {
  id: field(0, text),
  critical: field(1, bool),
  value: field(2, nullable(bytes)),
});

/** Readable extract of a certificate. */
export const x509CertExtractedSchema: StructSchema<X509CertExtracted> = struct<X509CertExtracted>(
  'X509CertExtracted',
  {
    version: field(0, int),
    serialNumber: field(1, text),
    issuer: field(2, x509NameSchema),
    subject: field(3, x509NameSchema),
    validity: field(4, validitySchema),
    keyUsage: field(5, nullable(list(text))),
    signatureAlgorithm: field(6, text),
    publicKeyAlgorithm: field(7, text),
    publicKey: field(8, text),
    pkixExtensions: field(9, nullable(list(pkixExtensionSchema))),
    extKeyUsage: optional(10, list(text)),
    unknownExtKeyUsage: optional(11, list(text)),
    basicConstraintsValid: field(12, bool),
    isCA: optional(13, bool),
    maxPathLen: optional(14, int),
    maxPathLenZero: optional(15, bool),
    // The reference format has no CBOR key for it, so that it goes by its name.
    subjectKeyId: field('subjectKeyId', hex),
    authorityKeyId: optional(16, hex),
    dnsNames: optional(17, list(text)),
    emailAddresses: optional(18, list(text)),
    ipAddresses: optional(19, list(text)),
    uris: optional(20, list(text)),
  },
);
