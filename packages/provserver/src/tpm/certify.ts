import { decodeReport } from '@cmc/attestationreport/codec';
import { extractPayload, isSignedReport } from '@cmc/attestationreport/sign';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { equalBytes, toHex } from '@cmc/bytes';
import {
  type CertificationRequest,
  type TpmCertifyEnrollRequest,
  tpmCertifyEnrollRequest,
} from '@cmc/est';
import {
  decodeTpmtPublic,
  objectName,
  publicAreaToSpki,
  TPMA_OBJECT,
  verifyCertify,
} from 'tpm2-ts/verify';
import type { EnrollMessage } from '../est/enroll-route.ts';
import type { ProvRequest } from '../http/route.ts';
import type { AttestationKey, Store } from '../store/store.ts';
import type { TpmOptions } from './activate.ts';
import { deviceGrant } from './device-name.ts';
import { sha256Of } from './endorsement-key.ts';
import { decoded, refused } from './refusals.ts';
import { nameProblem, reasonOf } from './tpm-checks.ts';

/** Type of a quote and of the collateral that it is verified with. */
const TPM_EVIDENCE = 'TPM Evidence';

/**
 * Reads a request of `/tpmcertifyenroll`: a certificate for a key that an activated attestation key
 * certified. @throws {DecodeError}
 */
export function readCertifyEnroll(
  { headers, body }: ProvRequest,
  options: TpmOptions,
): EnrollMessage {
  const contentType = headers['content-type'] ?? '';
  const message = tpmCertifyEnrollRequest.decode({ contentType, body });
  return {
    csr: message.csr,
    report: message.report,
    prove: async (csr, now) => {
      await checkCertifiedKey(message, csr);
      const { device } = await activatedKey(message, options, now);
      return { ...deviceGrant(device, options.allowedNames), method: 'tpm-certify' };
    },
  };
}

/** That the key of the request is in the TPM of the attestation key, and can sign anything. */
async function checkCertifiedKey(
  message: TpmCertifyEnrollRequest,
  csr: CertificationRequest,
): Promise<void> {
  const certified = await verifyCertify({
    attest: message.ikAttestation,
    signature: message.ikSignature,
    key: { publicArea: message.akPublic },
    object: message.ikPublic,
    requiredAttributes: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'sign'],
    qualifyingData: new Uint8Array(),
  });
  if (!certified.ok) throw refused(`certified key: ${reasonOf(certified.checks)}`);
  const { object } = certified;
  const isRestricted = (object.attributes & TPMA_OBJECT.restricted) !== 0;
  const problem = isRestricted ? 'it signs only what its TPM says' : nameProblem(object);
  if (problem !== undefined) throw refused(`certified key: ${problem}`);
  if (object.type === 'KEYEDHASH' || !equalBytes(publicAreaToSpki(object), csr.spki)) {
    throw refused('the certification request is for another key than the certified one');
  }
}

/**
 * The attestation key of a request, when its activation is proved (R47): the report has its
 * certificate, which was released under the activated secret only. In the place where it is, the
 * quote of the report is verified with it, so that the report is from the same TPM.
 */
async function activatedKey(
  { akPublic, report }: TpmCertifyEnrollRequest,
  { store, policy }: TpmOptions,
  now: Date,
): Promise<AttestationKey> {
  const key = await store.attestationKey(toHex(objectName(akPublic)));
  if (key === undefined) throw refused('the attestation key is not known: it has to be activated');
  if (policy.revoked.has(key.ekSha256)) {
    throw refused('the endorsement key is on the list of revoked ones');
  }
  const certificate = decoded('report', () => attestationCertificateOf(report));
  if (certificate === undefined) throw refused('the report has no certificate of a TPM key');
  const problem = await certificateProblem(certificate, key, store, now);
  if (problem !== undefined) throw refused(`certificate of the attestation key: ${problem}`);
  return key;
}

function attestationCertificateOf(bytes: Uint8Array): Uint8Array | undefined {
  const report = isSignedReport(bytes) ? extractPayload(bytes).payload : bytes;
  const { collateral } = decodeReport(report).report.context;
  const ofTpm = (collateral ?? []).filter(({ type }) => type === TPM_EVIDENCE);
  return ofTpm.length === 1 ? ofTpm[0]?.certs?.[0] : undefined;
}

async function certificateProblem(
  certificate: Uint8Array,
  key: AttestationKey,
  store: Store,
  now: Date,
): Promise<string | undefined> {
  const { serialNumber } = decoded('report', () => parseCertificate(certificate));
  const record = await store.certificate(toHex(serialNumber));
  const isIssued =
    record?.method === 'tpm-activate' &&
    record.device === key.device &&
    record.spkiSha256 === sha256Of(publicAreaToSpki(decodeTpmtPublic(key.publicKey))) &&
    equalBytes(record.certificate, certificate);
  if (!isIssued) return 'it is not the one that was issued for it';
  if (record.revoked !== undefined) return 'it was revoked';
  return record.notAfter < now ? 'it has expired' : undefined;
}
