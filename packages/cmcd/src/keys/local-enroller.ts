import type { Signer, WaitOptions } from '@cmc/attestationreport';
import { equalBytes } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import type { Enroller, EnrollmentRequest } from './enroller.ts';
import { ipOctets, isDnsName, normalName } from './names.ts';
import type { Subject } from './subject.ts';

/** Names that mean this computer to itself. */
export const LOCAL_NAMES: readonly string[] = Object.freeze(['localhost', '127.0.0.1', '::1']);
/** Allows every name. */
const ANY_NAME = '*';

export interface LocalEnrollerOptions {
  /** Key of the CA with its certificate chain, the CA's own certificate first. */
  readonly ca: Signer;
  /** DNS names and IP addresses that may be certified; `*` allows every name. Default {@link LOCAL_NAMES}. */
  readonly names?: readonly string[] | Promise<readonly string[]>;
  /** Clock, for tests. */
  readonly now?: () => Date;
}

/**
 * An enroller that issues certificates itself, with a CA key on this computer. Nobody checks
 * an attestation before it does: for single hosts and for tests.
 */
export function createLocalEnroller(options: LocalEnrollerOptions): Enroller {
  const { names = LOCAL_NAMES, now = (): Date => new Date() } = options;
  return {
    enroll: async (request: EnrollmentRequest, wait: WaitOptions = {}) => {
      // Most daemons never issue a certificate.
      const { parseCertificateRequest } = await import('./certificate-request.ts');
      const { issueCertificate } = await import('./issue-certificate.ts');
      const subject = await parseCertificateRequest(request.csr);
      if (!equalBytes(subject.publicKey, request.publicKey)) {
        throw new CmcdError('ERR_ENROLL_REQUEST', 'certificate request: it is for another key');
      }
      assertAllowed(subject, new Set((await names).map(normalName)));
      const leaf = await issueCertificate(subject, { ca: options.ca, now: now(), ...wait });
      return [leaf, ...options.ca.certificateChain];
    },
  };
}

function assertAllowed(subject: Subject, allowed: ReadonlySet<string>): void {
  if (allowed.has(ANY_NAME)) return;
  for (const name of namesToCheck(subject)) {
    if (allowed.has(normalName(name))) continue;
    throw new CmcdError(
      'ERR_ENROLL_NAME',
      `no certificate for ${JSON.stringify(name)}: allowed are ${[...allowed].join(', ')}`,
    );
  }
}

/**
 * Alternative names, and the common name where a peer could take it for a host: without
 * alternative names, or when it looks like more than a single word.
 */
function namesToCheck(subject: Subject): readonly string[] {
  const { commonName, dnsNames, ipAddresses } = subject;
  const names = [...dnsNames, ...ipAddresses];
  const looksLikeHost =
    ipOctets(commonName) !== undefined || (isDnsName(commonName) && commonName.includes('.'));
  return names.length === 0 || looksLikeHost ? [commonName, ...names] : names;
}
