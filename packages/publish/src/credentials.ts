import { open } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { PublishError } from './errors.ts';
import { MAX_CREDENTIAL_BYTES } from './limits.ts';
import type { PublishSettings } from './settings.ts';

/** How the publisher and its servers know each other. */
export interface Credentials {
  readonly token?: string;
  /** With the client certificate, and the authorities of servers. */
  readonly tls: SecureContext;
}

/**
 * What the files hold now, so that a new token needs no restart.
 * @throws {PublishError} ERR_PUBLISH_CREDENTIALS
 */
export async function readCredentials(
  { publishToken, publishCert, publishKey }: PublishSettings,
  roots: readonly string[] | undefined,
): Promise<Credentials> {
  const [token, cert, key] = await Promise.all([
    readOptional(publishToken, 'publishToken'),
    readOptional(publishCert, 'publishCert'),
    readOptional(publishKey, 'publishKey'),
  ]);
  return {
    ...(token === undefined ? {} : { token: checkedToken(token.trim()) }),
    tls: secureContext({
      ...(roots === undefined ? {} : { ca: [...roots] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }),
  };
}

function secureContext(files: {
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}): SecureContext {
  try {
    return createSecureContext({ ...files, minVersion: 'TLSv1.2' });
  } catch (cause) {
    const message = 'publishCert and publishKey: not a certificate and its key, PEM';
    throw new PublishError('ERR_PUBLISH_CREDENTIALS', message, { cause });
  }
}

/** RFC 6750, section 2.1; anything else could end the header. */
function checkedToken(token: string): string {
  if (/^[0-9A-Za-z._~+/-]+=*$/.test(token)) return token;
  throw new PublishError('ERR_PUBLISH_CREDENTIALS', 'publishToken: not a bearer token');
}

async function readOptional(
  path: string | undefined,
  setting: string,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(MAX_CREDENTIAL_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead <= MAX_CREDENTIAL_BYTES) return buffer.toString('utf8', 0, bytesRead);
  } catch (cause) {
    throw new PublishError('ERR_PUBLISH_CREDENTIALS', `${setting}: cannot read ${path}`, { cause });
  }
  throw new PublishError(
    'ERR_PUBLISH_CREDENTIALS',
    `${setting}: ${path} has more than ${MAX_CREDENTIAL_BYTES} bytes`,
  );
}
