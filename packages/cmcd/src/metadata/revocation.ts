import { createHash } from 'node:crypto';
import type { Metadata, Serialization, WaitOptions } from '@cmc/attestationreport';
import {
  decodeStruct,
  encodeStruct,
  metadataSchema,
  omspRequestSchema,
} from '@cmc/attestationreport/codec';
import { extractPayload } from '@cmc/attestationreport/sign';
import { CmcError, type Logger } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import { httpFetch } from './http-fetch.ts';
import { LOCATION_TIMEOUT_MS, MAX_ITEM_BYTES } from './limits.ts';

/** Version of the format of reports, which requests name. */
const REPORT_VERSION = '3.3.0';
const MANIFEST = 'Manifest';
const OMSP_RESPONSE = 'OMSP Response';

export interface RevocationOptions {
  /** Hash of the digests that name manifests: that of the reports. */
  readonly hashAlg: 'SHA-256' | 'SHA-384' | 'SHA-512';
  /** Serialization of requests, and so of responses. Default `cbor`. */
  readonly serialization?: Serialization;
  /** Certificates, PEM, that the chain of an HTTPS server has to end in. */
  readonly roots?: readonly string[];
  /** Time for one server. */
  readonly timeoutMs?: number;
  readonly logger: Logger;
}

/**
 * Signed statements about the revocation of the manifests among `items` (OMSP), one of each server
 * that they name. A server that does not give one is logged and left out: the verifier decides
 * what a missing statement means, and checks those that are there.
 */
export async function fetchRevocation(
  items: readonly Uint8Array[],
  options: RevocationOptions,
  wait: WaitOptions = {},
): Promise<readonly Uint8Array[]> {
  const responses: Uint8Array[] = [];
  for (const [server, digests] of manifestsByServer(items, options.hashAlg)) {
    try {
      responses.push(await ask(server, digests, options, wait));
    } catch (error) {
      wait.signal?.throwIfAborted();
      options.logger.warn({ server, error }, 'no revocation status of manifests');
    }
  }
  return responses;
}

/** The first moment, ms since 1970, at which one of `statements` is to be replaced, if they say so. */
export function firstUpdate(statements: readonly Uint8Array[]): number | undefined {
  const times = statements
    .flatMap((statement) => tryReadMetadata(statement)?.responses ?? [])
    .map(({ nextUpdate }) => Date.parse(nextUpdate ?? ''))
    .filter((time) => !Number.isNaN(time));
  return times.length === 0 ? undefined : Math.min(...times);
}

function manifestsByServer(
  items: readonly Uint8Array[],
  hashAlg: RevocationOptions['hashAlg'],
): ReadonlyMap<string, readonly string[]> {
  const servers = new Map<string, string[]>();
  for (const item of items) {
    const omspServer = omspServerOf(item);
    if (!omspServer) continue;
    const digest = createHash(hashAlg.replace('-', '')).update(item).digest('hex');
    servers.set(omspServer, [...(servers.get(omspServer) ?? []), digest]);
  }
  return servers;
}

async function ask(
  server: string,
  digests: readonly string[],
  options: RevocationOptions,
  wait: WaitOptions,
): Promise<Uint8Array> {
  if (!/^https?:/.test(server) || !URL.canParse(server)) {
    throw new CmcdError('ERR_METADATA_LOCATION', 'omspServer: expected an http or https URL');
  }
  const { serialization = 'cbor', roots = [], timeoutMs = LOCATION_TIMEOUT_MS } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const request = { arVersion: REPORT_VERSION, requests: digests };
  const { body } = await httpFetch(new URL(server), {
    post: {
      contentType: `application/${serialization}`,
      body: encodeStruct(omspRequestSchema, request, serialization),
    },
    roots,
    maxBytes: MAX_ITEM_BYTES,
    signal: wait.signal ? AbortSignal.any([wait.signal, timeout]) : timeout,
  });
  const { type } = readMetadata(body);
  if (type === OMSP_RESPONSE) return body;
  throw new CmcdError('ERR_METADATA_FORMAT', `expected an ${OMSP_RESPONSE}, got another type`);
}

function omspServerOf(item: Uint8Array): string | undefined {
  const metadata = tryReadMetadata(item);
  return metadata?.type === MANIFEST ? metadata.omspServer : undefined;
}

/** None for what is not readable: its verifier will say what is wrong with it. */
function tryReadMetadata(item: Uint8Array): Metadata | undefined {
  try {
    return readMetadata(item);
  } catch (error) {
    if (error instanceof CmcError) return undefined;
    throw error;
  }
}

function readMetadata(item: Uint8Array): Metadata {
  return decodeStruct(metadataSchema, extractPayload(item).payload).value;
}
