import { randomBytes } from 'node:crypto';
import { equalBytes, toHex } from '@cmc/bytes';
import {
  type CertificationRequest,
  encryptData,
  KeyPurpose,
  type TpmActivateEnrollRequest,
  tpmActivateEnrollRequest,
  tpmActivateEnrollResponse,
} from '@cmc/est';
import {
  makeCredential,
  objectName,
  publicAreaToSpki,
  type TpmtPublic,
  verifyCreation,
} from 'tpm2-ts/verify';
import { refusedDevice } from '../auth/check-names.ts';
import type { KeyProof } from '../auth/enrollment.ts';
import { readSubject } from '../auth/request-subject.ts';
import type { EnrollMessage } from '../est/enroll-route.ts';
import type { ProvRequest, ProvResponse } from '../http/route.ts';
import type { AttestationKey, CertificateRecord, Store } from '../store/store.ts';
import { attestationKeyClaims, deviceGrant } from './device-name.ts';
import { checkEndorsementKey, type EkCheck, type EndorsementKey } from './endorsement-key.ts';
import { ecdsaFirmwareProblem } from './firmware.ts';
import { ACTIVATION_SECRET_BYTES } from './limits.ts';
import { refused } from './refusals.ts';
import { nameProblem, reasonOf } from './tpm-checks.ts';

/** What decides about keys of TPMs. */
export interface TpmOptions extends Pick<EkCheck, 'policy' | 'store' | 'logger'> {
  /** As for attested devices. */
  readonly allowedNames: readonly string[];
}

/**
 * Reads a request of `/tpmactivateenroll`: a certificate for an attestation key, to be opened only by
 * the TPM that has both this key and the endorsement key. @throws {DecodeError}
 */
export function readActivateEnroll(
  { headers, body, signal }: ProvRequest,
  options: TpmOptions,
): EnrollMessage {
  const contentType = headers['content-type'] ?? '';
  const message = tpmActivateEnrollRequest.decode({ contentType, body });
  let endorsementKey: EndorsementKey | undefined;
  return {
    csr: message.csr,
    claims: attestationKeyClaims,
    purposes: [KeyPurpose.attestationKey],
    prove: async (csr, now) => {
      const area = await checkAttestationKey(message, csr);
      endorsementKey = await checkEndorsementKey(message, { ...options, now, signal });
      checkFirmware(message, area, endorsementKey);
      return await proofOf(message, csr, endorsementKey, options);
    },
    respond: async (record) => {
      if (endorsementKey === undefined) throw new Error('no endorsement key was checked');
      return await release(record, message.akPublic, endorsementKey);
    },
  };
}

/** The key of the request, when it is an attestation key that a TPM made, as it says itself (R10). */
async function checkAttestationKey(
  message: TpmActivateEnrollRequest,
  csr: CertificationRequest,
): Promise<TpmtPublic> {
  const created = await verifyCreation({
    attest: message.akAttestation,
    signature: message.akSignature,
    key: { publicArea: message.akPublic },
    object: message.akPublic,
    creationData: message.akCreateData,
    qualifyingData: new Uint8Array(),
  });
  if (!created.ok) throw refused(`attestation key: ${reasonOf(created.checks)}`);
  const problem = nameProblem(created.object);
  if (problem !== undefined) throw refused(`attestation key: ${problem}`);
  if (!equalBytes(publicAreaToSpki(created.object), csr.spki)) {
    throw refused('the certification request is for another key than the attestation key');
  }
  return created.object;
}

function checkFirmware(
  { tpm }: TpmActivateEnrollRequest,
  area: TpmtPublic,
  { identity }: EndorsementKey,
): void {
  if (identity === undefined || area.type !== 'ECC') return;
  const problem = ecdsaFirmwareProblem(identity, tpm);
  if (problem !== undefined) throw refused(`TPM: ${problem}`);
}

async function proofOf(
  { akPublic }: TpmActivateEnrollRequest,
  csr: CertificationRequest,
  { sha256: ekSha256 }: EndorsementKey,
  { store, allowedNames }: TpmOptions,
): Promise<KeyProof> {
  const { commonName: device } = attestationKeyClaims(readSubject(csr));
  const name = toHex(objectName(akPublic));
  const attestationKey = { name, publicKey: akPublic, device, ekSha256 };
  await checkRegistration(attestationKey, store);
  return { ...deviceGrant(device, allowedNames), method: 'tpm-activate', attestationKey };
}

/** A certificate that was issued before is given again without another look at the registration. */
async function checkRegistration(key: AttestationKey, store: Store): Promise<void> {
  const known = await store.attestationKey(key.name);
  if (known === undefined) return;
  if (known.device !== key.device || known.ekSha256 !== key.ekSha256) throw refusedDevice();
}

/**
 * The certificate under a secret that is used once and kept nowhere, and the secret for the TPM
 * alone: whoever answers for the keys of somebody else learns nothing (R48).
 */
async function release(
  { certificate }: CertificateRecord,
  akPublic: Uint8Array,
  { publicArea: ek }: EndorsementKey,
): Promise<ProvResponse> {
  const secret = new Uint8Array(randomBytes(ACTIVATION_SECRET_BYTES));
  try {
    const name = objectName(akPublic);
    const { credentialBlob, secret: encryptedSecret } = await makeCredential({
      ek,
      name,
      credential: secret,
    });
    const encryptedCertificate = encryptData(certificate, { key: secret });
    const { contentType, body } = tpmActivateEnrollResponse.encode({
      credentialBlob,
      encryptedSecret,
      encryptedCertificate,
    });
    return { status: 200, headers: { 'content-type': contentType }, body };
  } finally {
    secret.fill(0);
  }
}
