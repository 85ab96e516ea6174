import type { Signer } from '@cmc/attestationreport';
import { issueCrl } from '@cmc/est';
import type { Store } from '../store/store.ts';

/** A list of revoked certificates that was issued. */
export interface IssuedCrl {
  /** DER. */
  readonly crl: Uint8Array;
  readonly number: bigint;
  /** How many certificates are on it. */
  readonly revoked: number;
}

export interface NewCrlOptions {
  readonly store: Store;
  readonly issuer: Signer;
  readonly now: Date;
  readonly nextUpdate: Date;
}

/** A list with a number above all before it. */
export async function issueNextCrl(options: NewCrlOptions): Promise<IssuedCrl> {
  const { store, issuer, now, nextUpdate } = options;
  const { number, revoked } = await store.nextCrl(now);
  const entries = revoked.flatMap(({ serial, revoked: revocation }) =>
    revocation === undefined
      ? []
      : [{ serial, revokedAt: revocation.at, reason: revocation.reason }],
  );
  const crl = await issueCrl({ issuer, now, nextUpdate, number, revoked: entries });
  return { crl, number, revoked: entries.length };
}
