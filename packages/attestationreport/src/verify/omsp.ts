import { ErrorCode } from '../error-codes.ts';
import type { SingleOmspResponse } from '../types/metadata.ts';
import type { Result } from '../types/result.ts';
import { failed, PASSED } from './findings.ts';
import type { MetadataEntry } from './metadata-entry.ts';
import { NO_OMSP_SERVER } from './note-texts.ts';
import { type Instant, parseRfc3339 } from './rfc3339.ts';
import { checkPeriod, notATime } from './validity.ts';

/**
 * Looks up every manifest in the verified OMSP responses and records what they say. Without a
 * server, a manifest cannot be checked: a failure when `required`, a note otherwise.
 */
export function checkRevocation(options: {
  readonly manifests: readonly MetadataEntry[];
  readonly responses: readonly MetadataEntry[];
  readonly now: Instant;
  readonly required: boolean;
}): void {
  const { manifests, responses, now, required } = options;
  const verified = responses.filter((response) => !response.findings.failed);
  for (const manifest of manifests) {
    const { omspServer = '' } = manifest.metadata;
    if (omspServer === '') {
      if (required) refuse(manifest, NO_OMSP_SERVER);
      else manifest.findings.note(NO_OMSP_SERVER);
      continue;
    }
    const [response, second] = verified
      .filter(({ metadata }) => metadata.server === omspServer)
      .flatMap(({ metadata }) => metadata.responses ?? [])
      .filter(({ manifestHash }) => manifestHash.toLowerCase() === manifest.digest);
    if (response === undefined) refuse(manifest, `no verified response of ${omspServer} names it`);
    else if (second !== undefined) refuse(manifest, `${omspServer} names it more than once`);
    else record(manifest, response, now);
  }
}

function refuse(manifest: MetadataEntry, details: string): void {
  manifest.revocation = { omspStatus: failed(ErrorCode.ManifestRevocationUnknown, details) };
  manifest.findings.fail(undefined);
}

function record(manifest: MetadataEntry, response: SingleOmspResponse, now: Instant): void {
  const omspValidity = checkResponseTime(response, now);
  const omspStatus = judge(response.status);
  if (omspValidity.status === 'fail' || omspStatus.status === 'fail') {
    manifest.findings.fail(undefined);
  }
  if (omspStatus.status === 'warn') manifest.findings.warn(undefined);
  const { revocationTime, revocationReason } = response;
  const revoked = response.status === 'revoked';
  manifest.revocation = {
    omspValidity,
    omspStatus,
    ...(revoked && revocationTime !== undefined ? { revocationTime } : {}),
    ...(revoked && revocationReason !== undefined ? { revocationReason } : {}),
  };
}

function judge(status: string): Result {
  switch (status) {
    case 'good':
      return { ...PASSED, got: status };
    case 'outdated':
      return { status: 'warn', got: status, errorCodes: [ErrorCode.ManifestOutdated] };
    case 'revoked':
      return { ...failed(ErrorCode.ManifestRevoked), got: status };
    default:
      return { ...failed(ErrorCode.ManifestRevocationUnknown), got: status };
  }
}

function checkResponseTime(response: SingleOmspResponse, now: Instant): Result {
  const { thisUpdate, nextUpdate } = response;
  const notBefore = parseRfc3339(thisUpdate);
  if (notBefore === undefined) return notATime('thisUpdate', thisUpdate);
  if (nextUpdate === undefined) return checkPeriod({ notBefore, now });
  const notAfter = parseRfc3339(nextUpdate);
  if (notAfter === undefined) return notATime('nextUpdate', nextUpdate);
  return checkPeriod({ notBefore, notAfter, now });
}
