import type {
  Metadata,
  OmspRequest,
  Serialization,
  Signer,
  SingleOmspResponse,
} from '@cmc/attestationreport';
import {
  decodeStruct,
  encodeStruct,
  metadataSchema,
  omspRequestSchema,
} from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { DecodeError, type Logger, silentLogger } from '@cmc/bytes';
import { ProvError } from '../../errors.ts';
import { textResponse } from '../../http/http-error.ts';
import type { ProvRequest, ProvResponse, RouteHandler } from '../../http/route.ts';
import { DEFAULT_VALIDITY_MS, MAX_MANIFESTS, MAX_REQUEST_BYTES } from './limits.ts';
import { checkManifestHash, readStatus } from './status-folder.ts';

export interface OmspServiceOptions {
  /** Where clients reach this service, as manifests name it; its path is the route. */
  readonly url: string;
  /** Folder with one `<hash>.json` for each manifest with a status. */
  readonly folder: string;
  /** Key and certificates that clients trust for metadata. */
  readonly signer: Signer;
  /** How long statements are valid that have no time of their own, ms. */
  readonly validityMs?: number;
  readonly now?: () => Date;
  readonly logger?: Logger;
}

/** Version of the format of reports. */
const REPORT_VERSION = '3.3.0';

class BadRequest extends Error {}

/**
 * Route that answers which manifests are revoked (OMSP), signed. A manifest without a status, or
 * with one that cannot be read, is `unknown`, which verifiers refuse.
 */
export function createOmspService(options: OmspServiceOptions): RouteHandler {
  const { url, logger = silentLogger, now = (): Date => new Date() } = options;
  return {
    method: 'POST',
    path: new URL(url).pathname,
    maxBodyBytes: MAX_REQUEST_BYTES,
    handle: async (request: ProvRequest): Promise<ProvResponse> => {
      const serialization = serializationOf(request);
      if (serialization === undefined) {
        return textResponse(415, 'expected application/json or application/cbor');
      }
      try {
        const hashes = hashesOf(request.body, serialization);
        const body = await statement(hashes, { ...options, logger }, serialization, now());
        return { status: 200, headers: { 'content-type': `application/${serialization}` }, body };
      } catch (error) {
        if (error instanceof BadRequest) return textResponse(400, error.message);
        throw error;
      }
    },
  };
}

function serializationOf({ headers }: ProvRequest): Serialization | undefined {
  const type = headers['content-type']?.toString().split(';')[0]?.trim().toLowerCase();
  if (type === 'application/json') return 'json';
  return type === 'application/cbor' ? 'cbor' : undefined;
}

/** Each manifest once: verifiers refuse what is there twice. */
function hashesOf(body: Uint8Array, serialization: Serialization): ReadonlySet<string> {
  const { arVersion, requests } = decodedRequest(body, serialization);
  if (arVersion !== REPORT_VERSION) {
    throw new BadRequest(`arVersion: expected ${REPORT_VERSION}`);
  }
  if (requests.length === 0 || requests.length > MAX_MANIFESTS) {
    throw new BadRequest(`requests: expected 1 to ${MAX_MANIFESTS}, got ${requests.length}`);
  }
  try {
    return new Set(requests.map(checkManifestHash));
  } catch (error) {
    if (error instanceof ProvError) throw new BadRequest(`requests: ${error.message}`);
    throw error;
  }
}

function decodedRequest(body: Uint8Array, serialization: Serialization): OmspRequest {
  try {
    const decoded = decodeStruct(omspRequestSchema, body);
    if (decoded.serialization === serialization) return decoded.value;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new BadRequest(`OMSP request: ${error.message}`);
  }
  throw new BadRequest(`OMSP request: not ${serialization}, as Content-Type says`);
}

async function statement(
  hashes: ReadonlySet<string>,
  options: OmspServiceOptions & { readonly logger: Logger },
  serialization: Serialization,
  now: Date,
): Promise<Uint8Array> {
  const responses: SingleOmspResponse[] = [];
  for (const hash of hashes) responses.push(await statusOf(hash, options, now));
  const metadata: Metadata = {
    type: 'OMSP Response',
    server: options.url,
    producedAt: toRfc3339(now),
    responses,
  };
  const payload = encodeStruct(metadataSchema, metadata, serialization);
  return await signPayload(payload, [options.signer], serialization);
}

async function statusOf(
  manifestHash: string,
  options: OmspServiceOptions & { readonly logger: Logger },
  now: Date,
): Promise<SingleOmspResponse> {
  const { folder, logger, validityMs = DEFAULT_VALIDITY_MS } = options;
  const nextUpdate = toRfc3339(new Date(now.getTime() + validityMs));
  try {
    const stored = await readStatus(folder, manifestHash);
    if (stored !== undefined) {
      return { thisUpdate: toRfc3339(now), nextUpdate, ...stored, manifestHash };
    }
  } catch (error) {
    if (!(error instanceof ProvError)) throw error;
    logger.error({ manifestHash, error }, 'the status of a manifest cannot be read');
  }
  return { manifestHash, status: 'unknown', thisUpdate: '', nextUpdate };
}

/** To the second, as the reference writes times. */
function toRfc3339(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
