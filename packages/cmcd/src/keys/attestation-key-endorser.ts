import { parseCertificate } from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';
import type { AttestationKeyEndorser, TpmIdentity } from '@cmc/driver-tpm';
import { createCsr, decryptData, type EstClient, parseCsr } from '@cmc/est';
import { CmcdError } from '../errors.ts';
import { chainOf } from './certificate-chain.ts';
import { ekCertificateUrl, manufacturerName } from './tpm-vendors.ts';

export interface AttestationKeyEndorserOptions {
  /** A client for one enrolment: tokens are read anew for each. */
  readonly client: () => Promise<EstClient>;
  /** Name of this computer. */
  readonly name: string | Promise<string>;
  readonly now?: () => Date;
}

/**
 * An endorser that asks an EST server: it encrypts the certificate so that only the TPM can open it
 * that has both the attestation key and the endorsement key.
 */
export function estAttestationKeyEndorser(
  options: AttestationKeyEndorserOptions,
): AttestationKeyEndorser {
  const { now = (): Date => new Date() } = options;
  return {
    endorse: async ({ signer, key, identity, activate }, wait = {}) => {
      const client = await options.client();
      const authorities = await client.caCerts(wait);
      const { info, ekPublicKey, ekCertificate } = await identity(wait);
      const csr = await createCsr({
        signer,
        subject: { commonName: `${await options.name} TPM AK` },
        ...wait,
      });
      const answer = await client.tpmActivateEnroll(
        {
          tpm: { ...info, manufacturer: manufacturerName(info.manufacturer) },
          ekCertificateUrl: urlOf({ info, ekPublicKey, ...(ekCertificate && { ekCertificate }) }),
          csr,
          akPublic: key.publicArea,
          akCreateData: key.creationData,
          akAttestation: key.attestation,
          akSignature: key.signature,
          ekPublic: ekPublicKey,
          ekCertificate: ekCertificate ?? new Uint8Array(),
        },
        wait,
      );
      const { credentialBlob, encryptedSecret } = answer;
      const secret = await activate({ credentialBlob, secret: encryptedSecret }, wait);
      const leaf = parseCertificate(decryptData(answer.encryptedCertificate, secret));
      secret.fill(0);
      if (!equalBytes(leaf.spki, parseCsr(csr).spki)) {
        const message = 'enrolment: the certificate is not for the attestation key';
        throw new CmcdError('ERR_ENROLL_RESPONSE', message);
      }
      return await chainOf(leaf, authorities, now(), 'attestation-key');
    },
  };
}

/** Where the vendor has the certificate of a TPM that has none in it. */
function urlOf({ info, ekPublicKey, ekCertificate }: TpmIdentity): string {
  if (ekCertificate !== undefined) return '';
  return ekCertificateUrl(info.manufacturer, ekPublicKey) ?? '';
}
