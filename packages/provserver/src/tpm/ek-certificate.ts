import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { DecodeError } from '@cmc/bytes';
import { trimCertificate } from 'tpm2-ts';
import { decodeSpki } from 'tpm2-ts/verify';
import { isRocaModulus } from './roca.ts';
import { type TpmIdentity, tpmIdentityOf } from './tpm-identity.ts';

/** TCG EK Credential Profile 2.3, section 3.6: tcg-kp-EKCertificate. */
export const EK_CERTIFICATE = '2.23.133.8.1';
/** The first is for RSA, the second for ECC; Intel has the first for ECC, too. */
const DECRYPTING = ['keyEncipherment', 'keyAgreement'] as const;

/** An endorsement certificate whose content is as it has to be; its chain was not looked at. */
export interface EkCertificate {
  readonly certificate: Certificate;
  readonly identity: TpmIdentity;
}

/**
 * The certificate in what an NV index of a TPM holds: the header that some have in front and the
 * padding behind it are no part of it. @throws {DecodeError}
 */
export function parseEkCertificate(content: Uint8Array): Certificate {
  return parseCertificate(trimCertificate(content) ?? content);
}

/**
 * What a certificate says about an endorsement key, or why it is no certificate of one (R51): the
 * extended key usage is that of endorsement keys and no other, it is for no authority, its key only
 * decrypts, is of a kind that TPMs have and not known to be weak, and manufacturer, model and version
 * of the TPM are in the alternative name.
 */
export function readEkCertificate(
  certificate: Certificate,
): EkCertificate | { readonly problem: string } {
  const { basicConstraints, extendedKeyUsage = [], keyUsage = [] } = certificate;
  if (basicConstraints?.isCa === true) return { problem: 'is that of an authority' };
  if (extendedKeyUsage.length !== 1 || extendedKeyUsage[0] !== EK_CERTIFICATE) {
    const usages = extendedKeyUsage.join(', ') || 'not limited';
    return { problem: `has the extended key usage ${usages}, expected ${EK_CERTIFICATE}` };
  }
  try {
    const key = decodeSpki(certificate.spki);
    const isForSecrets = DECRYPTING.some((usage) => keyUsage.includes(usage));
    if (!isForSecrets || keyUsage.includes('digitalSignature')) {
      const usages = keyUsage.join(', ') || 'none';
      return { problem: `has the key usage ${usages}, expected ${DECRYPTING.join(' or ')}` };
    }
    if (key.type === 'RSA' && isRocaModulus(key.modulus)) {
      return { problem: 'is for a key that can be factored (ROCA, CVE-2017-15361)' };
    }
    const identity = tpmIdentityOf(certificate);
    if (identity !== undefined) return { certificate, identity };
    return { problem: 'does not name manufacturer, model and version of the TPM' };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { problem: `cannot be used: ${error.message}` };
  }
}
