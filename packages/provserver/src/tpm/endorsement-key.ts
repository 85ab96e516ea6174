import { createHash } from 'node:crypto';
import type { RevocationList } from '@cmc/attestationreport/snp';
import { equalBytes, type Logger } from '@cmc/bytes';
import type { TpmActivateEnrollRequest } from '@cmc/est';
import { ekPublicArea, type TpmtPublic } from 'tpm2-ts/verify';
import type { ChangingFiles } from '../config/changing-files.ts';
import type { Store } from '../store/store.ts';
import { parseEkCertificate, readEkCertificate } from './ek-certificate.ts';
import type { EkDownloads } from './ek-download.ts';
import { decoded, refused } from './refusals.ts';
import type { TpmIdentity } from './tpm-identity.ts';
import { vendorChainProblem } from './vendor-chain.ts';

/** What an endorsement key must satisfy. */
export interface EkPolicy {
  /** Whether it needs a certificate under a vendor root. Without, software can be any TPM. */
  readonly verifyCertificate: boolean;
  /** Lower-case hex SHA-256 of keys (SubjectPublicKeyInfo) and certificates that do not count. */
  readonly revoked: ReadonlySet<string>;
  /** Default: revocation is not checked beyond `revoked`. */
  readonly crls?: ChangingFiles<RevocationList>;
  /** Default: certificates have to come with the request. */
  readonly downloads?: EkDownloads;
}

export interface EkCheck {
  readonly policy: EkPolicy;
  readonly store: Store;
  readonly logger: Logger;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** An endorsement key that may be used for credentials. */
export interface EndorsementKey {
  readonly publicArea: TpmtPublic;
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo. */
  readonly sha256: string;
  /** Absent when certificates are not verified. */
  readonly identity?: TpmIdentity;
}

type EkParts = Pick<TpmActivateEnrollRequest, 'ekPublic' | 'ekCertificate' | 'ekCertificateUrl'>;

/** The endorsement key of a request, with everything about it checked (R51). @throws {HttpError} */
export async function checkEndorsementKey(
  request: EkParts,
  check: EkCheck,
): Promise<EndorsementKey> {
  const { policy, logger } = check;
  const sha256 = sha256Of(request.ekPublic);
  const key = { publicArea: areaOf(request.ekPublic), sha256 };
  if (policy.revoked.has(sha256))
    throw refused('endorsement key: it is on the list of revoked ones');
  if (policy.verifyCertificate) return { ...key, identity: await checkCertificate(request, check) };
  const details = { ek: sha256 };
  logger.warn(details, 'an endorsement key without a verified certificate: it may be software');
  await check.store.audit({ action: 'ek-not-verified', subject: sha256 }, check.now);
  return key;
}

async function checkCertificate(request: EkParts, check: EkCheck): Promise<TpmIdentity> {
  const { policy, store, now } = check;
  const content = await certificateOf(request, check);
  const certificate = decoded('endorsement certificate', () => parseEkCertificate(content));
  const read = readEkCertificate(certificate);
  if ('problem' in read) throw refused(`the endorsement certificate ${read.problem}`);
  // Otherwise anybody could use the certificate of a TPM with a key in software.
  if (!equalBytes(certificate.spki, request.ekPublic)) {
    throw refused('the endorsement certificate is for another key');
  }
  if (policy.revoked.has(sha256Of(certificate.raw))) {
    throw refused('the endorsement certificate is on the list of revoked ones');
  }
  const lists = await policy.crls?.current();
  const problem = await vendorChainProblem(certificate, store, now, lists);
  if (problem !== undefined) throw refused(`the endorsement certificate is refused: ${problem}`);
  return read.identity;
}

async function certificateOf(
  { ekCertificate, ekCertificateUrl }: EkParts,
  { policy, signal }: EkCheck,
): Promise<Uint8Array> {
  if (ekCertificate.length > 0) return ekCertificate;
  if (ekCertificateUrl === '') throw refused('an endorsement certificate is needed');
  if (policy.downloads === undefined) {
    throw refused('endorsement certificates are not fetched: fetchEkCertificates is off');
  }
  return await policy.downloads.get(ekCertificateUrl, signal);
}

function areaOf(spki: Uint8Array): TpmtPublic {
  return decoded('endorsement key', () => {
    try {
      return ekPublicArea(spki);
    } catch (error) {
      if (error instanceof RangeError) throw refused(`endorsement key: ${error.message}`);
      throw error;
    }
  });
}

/** Lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
