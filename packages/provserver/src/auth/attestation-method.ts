import {
  type AttestationResult,
  explain,
  type MetadataVersionStore,
  type VerifyOptions,
  verify,
} from '@cmc/attestationreport';
import { DecodeError, fromBase64, type Logger } from '@cmc/bytes';
import { enrollmentNonce, NONCE_HEADER, SERVER_NONCE_BYTES } from '@cmc/est';
import { isAllowedName, isExactName, PROVER_NAME } from '../config/name-pattern.ts';
import { HttpError } from '../http/http-error.ts';
import type { ProvRequest } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import type { Grant } from './grant.ts';
import { MAX_REASON_CHARACTERS } from './limits.ts';

/** What reports must satisfy. */
export interface AttestationPolicy {
  readonly verify: Pick<
    VerifyOptions,
    | 'metadataRoots'
    | 'checkOmsp'
    | 'requireOmsp'
    | 'requireReportSignature'
    | 'minimumMetadataSigners'
    | 'tpmAllowTlsKeys'
    | 'tpmAllowUncheckedBootAggregate'
    | 'imaKeys'
    | 'snpRoots'
  >;
  /** Revocation lists (DER) of SEV-SNP roots, as they are now. Default: revocation is not checked. */
  readonly snpRevocationLists?: () => Promise<readonly Uint8Array[]>;
  /** The newest metadata accepted. Default: no memory. */
  readonly metadataVersions?: () => Promise<MetadataVersionStore>;
  /** Whether a report may be made without a nonce of this server. */
  readonly spkiNonce: 'allow' | 'refuse';
  /** Name patterns, `{prover}` for the name in the report. */
  readonly allowedNames: readonly string[];
  /** Is told every result, before the device is. */
  readonly publish?: (result: AttestationResult, signal: AbortSignal) => Promise<void>;
}

/** What an attested device may have. */
export interface AttestationGrant extends Grant {
  /** The nonce of the server, to be spent. */
  readonly nonce?: Uint8Array;
  /** The name that the device gives itself, when it can be one. */
  readonly prover?: string;
}

export interface AttestationCheck {
  readonly policy: AttestationPolicy;
  readonly store: Store;
  readonly logger: Logger;
  readonly now: Date;
}

/** What comes in for the key `spki` with a report, when the report is good. @throws {HttpError} */
export async function checkAttestation(
  report: Uint8Array,
  spki: Uint8Array,
  request: Pick<ProvRequest, 'headers' | 'remoteAddress' | 'signal'>,
  { policy, store, logger, now }: AttestationCheck,
): Promise<AttestationGrant> {
  const nonce = nonceOf(request.headers[NONCE_HEADER]);
  if (nonce === undefined && policy.spkiNonce === 'refuse') {
    throw new HttpError(403, 'a nonce of this server is needed: GET /.well-known/est/nonce');
  }
  if (nonce !== undefined && !(await store.checkNonce(nonce, now))) throw refusedNonce();
  const metadataVersions = await policy.metadataVersions?.();
  const snpRevocationLists = await policy.snpRevocationLists?.();
  const verification = await verify(report, {
    ...policy.verify,
    ...(metadataVersions === undefined ? {} : { metadataVersions }),
    ...(snpRevocationLists === undefined ? {} : { snpRevocationLists }),
    nonce: enrollmentNonce(spki, nonce),
    now,
    peer: { address: request.remoteAddress },
    signal: request.signal,
  });
  const { result } = verification;
  await policy.publish?.(result, request.signal).catch((error: unknown) => {
    logger.error({ error }, 'cannot publish the result of an attestation');
  });
  if (verification.report === undefined) throw new HttpError(403, reasonsOf(result));
  if (nonce === undefined) {
    const details = { address: request.remoteAddress };
    logger.warn(details, 'a report without a nonce of this server: it may be an old one');
    await store.audit({ action: 'spki-nonce', subject: 'attestation', details }, now);
  }
  const { name = '' } = verification.report;
  const isName = isExactName(name);
  // The device chose its name: it is compared, and never taken for a pattern.
  const patterns = policy.allowedNames.flatMap((pattern) =>
    pattern === PROVER_NAME ? (isName ? [name] : []) : [pattern],
  );
  return {
    by: 'allowedNames of this server',
    allows: (wanted) => isAllowedName(wanted, patterns),
    ...(isName ? { prover: name } : {}),
    ...(nonce === undefined ? {} : { nonce }),
  };
}

/** A nonce that another request was faster with, or that is not ours. */
export function refusedNonce(): HttpError {
  return new HttpError(403, 'the nonce is unknown, spent or expired: get another one');
}

function nonceOf(header: string | undefined): Uint8Array | undefined {
  if (header === undefined) return undefined;
  const nonce = decoded(header);
  if (nonce?.length === SERVER_NONCE_BYTES) return nonce;
  throw new HttpError(400, `${NONCE_HEADER}: expected ${SERVER_NONCE_BYTES} bytes in base64`);
}

function decoded(header: string): Uint8Array | undefined {
  try {
    return fromBase64(header, NONCE_HEADER);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** What is wrong with a report, for who has to put it right. */
function reasonsOf(result: AttestationResult): string {
  const text = explain(result).join(' ');
  return text.length > MAX_REASON_CHARACTERS ? `${text.slice(0, MAX_REASON_CHARACTERS)}…` : text;
}
