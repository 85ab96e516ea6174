import type { Signer } from '@cmc/attestationreport';
import type { Logger } from '@cmc/bytes';
import { textResponse } from '../http/http-error.ts';
import type { RouteHandler } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { issueNextCrl } from './crl.ts';

export interface StatusOptions {
  readonly store: Store;
  readonly issuer: Signer;
  readonly logger: Logger;
  readonly now: () => Date;
}

/** A revocation is on the list after so long, ms. */
const CRL_FRESH_MS = 5 * 60_000;
/** How long a list is valid, ms: for clients that cannot fetch the next one. */
const CRL_LIFETIME_MS = 24 * 3_600_000;

/** `/crl`, the list of revoked certificates (DER), and `/healthz`: for everybody. */
export function createStatusRoutes(options: StatusOptions): readonly RouteHandler[] {
  const crl = createCrlCache(options);
  const { store, logger } = options;
  return [
    {
      method: 'GET',
      path: '/crl',
      handle: async () => ({
        status: 200,
        headers: { 'content-type': 'application/pkix-crl' },
        body: await crl(),
      }),
    },
    {
      method: 'GET',
      path: '/healthz',
      handle: async () => {
        try {
          await store.certificate('');
          return textResponse(200, 'ok');
        } catch (error) {
          logger.error({ error }, 'the database does not answer');
          return textResponse(503, 'the database does not answer');
        }
      },
    },
  ];
}

/** One list for all clients, made anew when one asks and it is not fresh. */
function createCrlCache(options: StatusOptions): () => Promise<Uint8Array> {
  const { store, issuer, logger, now } = options;
  let latest: { readonly crl: Uint8Array; readonly at: number } | undefined;
  let underWay: Promise<Uint8Array> | undefined;
  const renew = async (): Promise<Uint8Array> => {
    const at = now();
    try {
      const nextUpdate = new Date(at.getTime() + CRL_LIFETIME_MS);
      const { crl } = await issueNextCrl({ store, issuer, now: at, nextUpdate });
      latest = { crl, at: at.getTime() };
      return crl;
    } catch (error) {
      if (latest === undefined || at.getTime() - latest.at >= CRL_LIFETIME_MS) throw error;
      logger.error({ error }, 'cannot make a new list of revoked certificates: the last one stays');
      return latest.crl;
    } finally {
      underWay = undefined;
    }
  };
  return async () => {
    if (latest !== undefined && now().getTime() - latest.at < CRL_FRESH_MS) return latest.crl;
    underWay ??= renew();
    return await underWay;
  };
}
