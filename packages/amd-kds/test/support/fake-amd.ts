import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { createFakeCa, createFakeKeySync, encodeFakeCrl, type FakeCrlOptions } from '@cmc/testkit';
import { NOW } from './kds-server.ts';

/** Keys and names like AMD's for Milan, so that lists can be signed. */
export interface FakeAmd {
  readonly root: Certificate;
  readonly issuer: Certificate;
  /** PEM, as the service has it. */
  readonly chain: string;
  /** A list for one day from `thisUpdate` on. */
  list(thisUpdate: Date, change?: Partial<FakeCrlOptions>): Uint8Array;
}

export const DAY_MS = 86_400_000;

export async function createFakeAmd(): Promise<FakeAmd> {
  const made = {
    // Made once: an RSA key of this size takes its time.
    key: createFakeKeySync('RSA4096'),
    signature: 'PSS-SHA-384',
    notBefore: new Date(NOW.getTime() - 100 * DAY_MS),
    notAfter: new Date(NOW.getTime() + 100 * DAY_MS),
  } as const;
  const ark = createFakeCa({ commonName: 'ARK-Milan', ...made });
  const ask = await ark.issueCa({ commonName: 'SEV-Milan', ...made });
  const asvk = await ark.issueCa({ commonName: 'SEV-VLEK-Milan', ...made });
  return {
    root: parseCertificate(ark.certificate),
    issuer: parseCertificate(ask.certificate),
    chain: `${ask.pem}${ark.pem}`,
    list: (thisUpdate, change = {}) =>
      encodeFakeCrl({
        issuer: { commonName: 'ARK-Milan' },
        key: made.key,
        signature: made.signature,
        revoked: [parseCertificate(asvk.certificate).serialNumber],
        thisUpdate,
        nextUpdate: new Date(thisUpdate.getTime() + DAY_MS),
        ...change,
      }),
  };
}
