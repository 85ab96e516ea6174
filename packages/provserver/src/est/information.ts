import { toBase64 } from '@cmc/bytes';
import { AttributeOid, encodeBase64Lines, encodeCsrAttributes, MEDIA_TYPE } from '@cmc/est';
import type { Nonces } from '../auth/nonces.ts';
import { HttpError } from '../http/http-error.ts';
import type { RouteHandler } from '../http/route.ts';
import { certificatesResponse, EST_PATH } from './enroll-route.ts';

export interface InformationOptions {
  readonly nonces: Nonces;
  /** Certificates of this authority, DER, its own first. */
  readonly caChain: readonly Uint8Array[];
  readonly now: () => Date;
}

const RETRY = { 'retry-after': '60' };

/** `/cacerts`, `/csrattrs` (RFC 7030, sections 4.1 and 4.5) and `/nonce`: for everybody. */
export function createInformationRoutes(options: InformationOptions): readonly RouteHandler[] {
  const { nonces, caChain, now } = options;
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
      handle: async ({ remoteAddress }) => {
        const created = await nonces.create(remoteAddress, now());
        if (created === undefined)
          throw new HttpError(503, 'too many nonces are not used yet', RETRY);
        const { nonce, expiresAt } = created;
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
