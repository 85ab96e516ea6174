import type { WaitOptions } from '@cmc/attestationreport';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import type { EstClient, EstClientCertificate } from '@cmc/est';
import { chainOf } from './certificate-chain.ts';
import type { Enroller, EnrollmentRequest } from './enroller.ts';

/** Most daemons never enroll a key. */
const est = (): Promise<typeof import('@cmc/est')> => import('@cmc/est');

export interface EstEnrollerOptions {
  /** `https://host:port` of the server, without `/.well-known/est`. */
  readonly url: string;
  /** The only anchors under which the certificate of the server is trusted. */
  readonly roots: readonly Certificate[];
  /** Bearer token, read for each enrolment: tokens are good for one key. Default: none. */
  readonly token?: () => Promise<string>;
  /** Identifies this computer to the server. Default: the certificate that is to be renewed. */
  readonly clientCertificate?: EstClientCertificate;
  /** Time for one request. Default 30 s. */
  readonly timeoutMs?: number;
  /** Clock, for tests. */
  readonly now?: () => Date;
}

/**
 * An enroller that asks an EST server, with an attestation report that is bound to the key and, when
 * the server has nonces, to one of them. What the server gives must chain to its own `/cacerts`.
 *
 * Renewals are attested too, and come with the old certificate. Only where enrolling takes a token,
 * which is spent by then, `/simplereenroll` is asked with the old certificate alone.
 */
export function createEstEnroller(options: EstEnrollerOptions): Enroller {
  const { now = (): Date => new Date() } = options;
  return {
    enroll: async (request, wait = {}) => {
      const old = oldIdentity(request, now());
      const client = await createClient(options, old);
      const authorities = await client.caCerts(wait);
      const certificate =
        options.token !== undefined && old !== undefined
          ? await client.simpleReenroll(request.csr, wait)
          : await attestedEnroll(client, request, wait);
      return await chainOf(certificate, authorities, now());
    },
  };
}

/** The certificate that is renewed, when the server can see that we have its key. */
function oldIdentity(
  { key, renews = [] }: EnrollmentRequest,
  now: Date,
): EstClientCertificate | undefined {
  const [leaf] = renews;
  if (key.type !== 'sw' || leaf === undefined) return undefined;
  // With an expired one there would be no connection at all.
  if (parseCertificate(leaf).notAfter <= now) return undefined;
  return { chain: renews, privateKey: key.privateKey };
}

async function createClient(
  { url, roots, token, clientCertificate, timeoutMs }: EstEnrollerOptions,
  old: EstClientCertificate | undefined,
): Promise<EstClient> {
  const { createEstClient } = await est();
  // To renew with a token means to renew with the old certificate.
  const isReenrollment = token !== undefined && old !== undefined;
  const identity = isReenrollment ? old : (clientCertificate ?? old);
  return createEstClient({
    url,
    roots,
    ...(token === undefined || isReenrollment ? {} : { token: await token() }),
    ...(identity === undefined ? {} : { clientCertificate: identity }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

async function attestedEnroll(
  client: EstClient,
  { key, csr, publicKey, report: makeReport }: EnrollmentRequest,
  wait: WaitOptions,
): Promise<Certificate> {
  const { enrollmentNonce } = await est();
  const serverNonce = (await client.nonce(wait))?.nonce;
  const report = await makeReport(enrollmentNonce(publicKey, serverNonce), wait);
  const options = { ...wait, ...(serverNonce === undefined ? {} : { serverNonce }) };
  switch (key.type) {
    case 'sw':
      return await client.attestEnroll({ csr, report }, options);
    case 'tpm':
      return await client.tpmCertifyEnroll({ ...key.certification, csr, report }, options);
  }
}
