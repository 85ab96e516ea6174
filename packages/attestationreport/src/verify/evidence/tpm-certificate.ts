import type { Certificate } from '../../x509/index.ts';

/** TCG EK Credential Profile 2.3, section 3.6: tcg-kp-AIKCertificate. */
const ATTESTATION_KEY = '2.23.133.8.3';

/**
 * Why a certificate may be of something else than an attestation key; `undefined` when it is not.
 * One authority certifies attestation keys, TLS keys and signers of metadata. A TLS key in software
 * could sign a forged quote, so whoever signed a quote must not be one (R11). Certificates of
 * attestation keys say so in their extended key usage; those without one must at least have no names
 * of hosts, and sign nothing that is to be kept.
 */
export function attestationCertificateProblem(certificate: Certificate): string | undefined {
  const { extendedKeyUsage, keyUsage, subjectAlternativeName, basicConstraints } = certificate;
  if (basicConstraints?.isCa === true) return 'it is the certificate of an authority';
  if (extendedKeyUsage !== undefined) {
    // Not "any", and nothing beside it: that would be a certificate of a TLS key as well.
    const isOnly = extendedKeyUsage.every((usage) => usage === ATTESTATION_KEY);
    return isOnly ? undefined : `its extended key usage is ${extendedKeyUsage.join(', ')}`;
  }
  if (keyUsage?.join() !== 'digitalSignature') {
    return `its key usage is ${keyUsage?.join(', ') ?? 'not limited'}, not only to sign`;
  }
  const { dnsNames = [], ipAddresses = [] } = subjectAlternativeName ?? {};
  return dnsNames.length + ipAddresses.length === 0 ? undefined : 'it is for a host';
}
