import { basename } from 'node:path';
import { type Logger, silentLogger } from '@cmc/bytes';
import { ProvError } from '../../errors.ts';
import { textResponse } from '../../http/http-error.ts';
import type { ProvRequest, ProvResponse, RouteHandler } from '../../http/route.ts';
import { SNAPSHOT_MS } from './limits.ts';
import { type MetadataFile, readSnapshot } from './snapshot.ts';

export interface MetadataServiceOptions {
  /** Folder with signed metadata. Its last part is the first part of the route. */
  readonly folder: string;
  /** Clock, ms. */
  readonly clock?: () => number;
  /** Is told why the folder cannot be served, once for each reason. */
  readonly logger?: Logger;
}

/** Media type of the index, for clients that ask for it. */
export const INDEX_TYPE = 'application/vnd.cmc.metadata-index+json';

/** A file that is being written is there soon; for the rest an operator has to come. */
const RETRY_AFTER_S = '5';

const DIGEST = /^[0-9a-f]{64}$/;

/**
 * Routes of a folder with signed metadata. `/<name>/` is its listing: HTML as the reference reads
 * it, or JSON, with digests, for those who accept {@link INDEX_TYPE}. Below it are the files by
 * name and, never to change, by digest. A folder that cannot be served whole is not served: 503 and
 * why, since clients take what they get for everything there is.
 */
export function createMetadataService(options: MetadataServiceOptions): readonly RouteHandler[] {
  const { folder, clock = (): number => performance.now(), logger = silentLogger } = options;
  const root = `/${encodeURIComponent(basename(folder))}`;
  let snapshot: Promise<readonly MetadataFile[]> | undefined;
  let readAt = 0;
  let reported = '';
  const files = async (): Promise<readonly MetadataFile[]> => {
    if (snapshot === undefined || clock() - readAt >= SNAPSHOT_MS) {
      readAt = clock();
      snapshot = readSnapshot(folder);
    }
    return await snapshot;
  };
  return [
    {
      method: 'GET',
      path: root,
      handle: async () => textResponse(301, 'moved', { location: `${root}/` }),
    },
    {
      method: 'GET',
      prefix: `${root}/`,
      handle: async (request) => {
        try {
          const response = answer(await files(), request, request.path.slice(root.length + 1));
          reported = '';
          return response;
        } catch (error) {
          if (!(error instanceof ProvError)) throw error;
          if (reported !== error.message) logger.error({ folder, error }, 'no metadata is served');
          reported = error.message;
          return textResponse(503, error.message, { 'retry-after': RETRY_AFTER_S });
        }
      },
    },
  ];
}

function answer(
  files: readonly MetadataFile[],
  request: ProvRequest,
  encodedName: string,
): ProvResponse {
  if (encodedName === '') {
    return acceptsIndex(request) ? index(files) : listing(files);
  }
  const name = decodedName(encodedName);
  const byDigest = DIGEST.test(name) ? files.find(({ digest }) => digest === name) : undefined;
  const found = byDigest ?? files.find(({ file }) => file === name);
  if (found === undefined) return textResponse(404, 'no such file');
  const cache = byDigest === undefined ? 'no-cache' : 'public, max-age=31536000, immutable';
  const headers = { etag: `"${found.digest}"`, 'cache-control': cache };
  if (request.headers['if-none-match'] === headers.etag) return { status: 304, headers, body: '' };
  return {
    status: 200,
    headers: { ...headers, 'content-type': contentType(found.content) },
    body: found.content,
  };
}

function acceptsIndex({ headers }: ProvRequest): boolean {
  return (
    headers['accept']
      ?.toString()
      .split(',')
      .some((part) => part.trim() === INDEX_TYPE) ?? false
  );
}

function index(files: readonly MetadataFile[]): ProvResponse {
  const items = files.map(({ file, digest, content, about }) => ({
    file,
    digest,
    size: content.length,
    ...about,
  }));
  return {
    status: 200,
    headers: { 'content-type': INDEX_TYPE, vary: 'accept', 'cache-control': 'no-cache' },
    body: `${JSON.stringify({ items })}\n`,
  };
}

function listing(files: readonly MetadataFile[]): ProvResponse {
  // Names need no escaping: the snapshot has no others.
  const links = files.map(({ file }) => `<a href="${encodeURIComponent(file)}">${file}</a>\n`);
  return {
    status: 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      vary: 'accept',
      'cache-control': 'no-cache',
    },
    body: `<pre>\n${links.join('')}</pre>\n`,
  };
}

/** Never HTML: that would be a folder to clients. */
function contentType(content: Uint8Array): string {
  return content[0] === 0x7b ? 'application/json' : 'application/octet-stream';
}

function decodedName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
