import { randomBytes } from 'node:crypto';
import { toBase64 } from '@cmc/bytes';
import {
  AttributeOid,
  encodeBase64Lines,
  encodeCsrAttributes,
  MEDIA_TYPE,
  SERVER_NONCE_BYTES,
} from '@cmc/est';
import { HttpError } from '../http/http-error.ts';
import type { RouteHandler } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { certificatesResponse, EST_PATH } from './enroll-route.ts';

export interface InformationOptions {
  readonly store: Store;
  /** Certificates of this authority, DER, its own first. */
  readonly caChain: readonly Uint8Array[];
  readonly now: () => Date;
}

const NONCE_LIFETIME_MS = 5 * 60_000;
const RETRY = { 'retry-after': '60' };

/** `/cacerts`, `/csrattrs` (RFC 7030, sections 4.1 and 4.5) and `/nonce`: for everybody. */
export function createInformationRoutes(options: InformationOptions): readonly RouteHandler[] {
  const { store, caChain, now } = options;
  const caCerts = certificatesResponse(caChain);
  const csrAttributes = {
    status: 200,
    headers: { 'content-type': MEDIA_TYPE.csrAttributes, 'content-transfer-encoding': 'base64' },
    body: encodeBase64Lines(encodeCsrAttributes([{ oid: AttributeOid.extensionRequest }])),
  };
  return [
    { method: 'GET', path: `${EST_PATH}/cacerts`, handle: async () => caCerts },
    { method: 'GET', path: `${EST_PATH}/csrattrs`, handle: async () => csrAttributes },
    {
      method: 'GET',
      path: `${EST_PATH}/nonce`,
      handle: async () => {
        const nonce = new Uint8Array(randomBytes(SERVER_NONCE_BYTES));
        const issuedAt = now();
        const expiresAt = new Date(issuedAt.getTime() + NONCE_LIFETIME_MS);
        if (!(await store.createNonce(nonce, expiresAt, issuedAt))) {
          throw new HttpError(503, 'too many nonces are not used yet', RETRY);
        }
        const answer = { nonce: toBase64(nonce), expiresAt: expiresAt.toISOString() };
        return {
          status: 200,
          headers: { 'content-type': MEDIA_TYPE.json },
          body: `${JSON.stringify(answer)}\n`,
        };
      },
    },
  ];
}
