import type { Signer, WaitOptions } from '@cmc/attestationreport';
import { DecodeError, equalBytes } from '@cmc/bytes';
import type { CertificationRequest } from '@cmc/est';
import { CmcdError } from '../errors.ts';
import type { Enroller, EnrollmentRequest } from './enroller.ts';

/** Names that mean this computer to itself. */
export const LOCAL_NAMES: readonly string[] = Object.freeze(['localhost', '127.0.0.1', '::1']);
/** Allows every name. */
const ANY_NAME = '*';
const LIFETIME_MS = 180 * 86_400_000;
const OID_COMMON_NAME = '2.5.4.3';
const OID_SUBJECT_ALT_NAME = '2.5.29.17';

/** Most daemons never issue a certificate. */
const est = (): Promise<typeof import('@cmc/est')> => import('@cmc/est');

export interface LocalEnrollerOptions {
  /** Key of the CA with its certificate chain, the CA's own certificate first. */
  readonly ca: Signer;
  /** DNS names and IP addresses that may be certified; `*` allows every name. Default {@link LOCAL_NAMES}. */
  readonly names?: readonly string[] | Promise<readonly string[]>;
  /** Clock, for tests. */
  readonly now?: () => Date;
}

interface Subject {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/**
 * An enroller that issues certificates itself, with a CA key on this computer. Nobody checks
 * an attestation before it does: for single hosts and for tests.
 */
export function createLocalEnroller(options: LocalEnrollerOptions): Enroller {
  const { ca, names = LOCAL_NAMES, now = (): Date => new Date() } = options;
  return {
    enroll: async (request: EnrollmentRequest, wait: WaitOptions = {}) => {
      const { issueCertificate, KeyPurpose, normalName } = await est();
      const csr = await readRequest(request.csr);
      if (!equalBytes(csr.spki, request.publicKey)) throw refused('it is for another key');
      const subject = await readSubject(csr);
      await assertAllowed(subject, new Set((await names).map(normalName)));
      const { certificate } = await translated(() =>
        issueCertificate(
          {
            subject: { commonName: subject.commonName },
            publicKey: csr.spki,
            dnsNames: subject.dnsNames,
            ipAddresses: subject.ipAddresses,
            purposes: [KeyPurpose.serverAuth, KeyPurpose.clientAuth],
            lifetimeMs: LIFETIME_MS,
          },
          { issuer: ca, now: now(), ...wait },
        ),
      );
      return [certificate, ...ca.certificateChain];
    },
  };
}

/** A request that is signed with its key. @throws {CmcdError} ERR_ENROLL_REQUEST */
async function readRequest(der: Uint8Array): Promise<CertificationRequest> {
  const { parseCsr, verifyCsr } = await est();
  try {
    const csr = parseCsr(der);
    const verification = await verifyCsr(csr);
    if (verification.ok) return csr;
    throw refused(verification.problem);
  } catch (cause) {
    if (cause instanceof DecodeError) throw refused('not a PKCS #10 request', { cause });
    throw cause;
  }
}

/**
 * Subjects with anything but one common name, and extensions other than subjectAltName, are refused;
 * of that, DNS names and IP addresses count.
 */
async function readSubject(csr: CertificationRequest): Promise<Subject> {
  const { AttributeOid, ipText } = await est();
  const [name, ...more] = csr.subjectName.attributes;
  if (name?.oid !== OID_COMMON_NAME || more.length > 0) {
    throw refused('the subject has to be one common name');
  }
  const attribute = csr.attributes.find(({ oid }) => oid !== AttributeOid.extensionRequest);
  if (attribute !== undefined) throw refused(`attribute ${attribute.oid} is not supported`);
  const extension = csr.extensions.find(({ oid }) => oid !== OID_SUBJECT_ALT_NAME);
  if (extension !== undefined) throw refused(`extension ${extension.oid} cannot be requested`);
  const { dnsNames = [], ipAddresses = [] } = csr.subjectAlternativeName ?? {};
  return {
    commonName: name.value,
    dnsNames,
    ipAddresses: ipAddresses.map((octets) => ipText(octets) ?? ''),
  };
}

async function assertAllowed(subject: Subject, allowed: ReadonlySet<string>): Promise<void> {
  if (allowed.has(ANY_NAME)) return;
  const { normalName } = await est();
  for (const name of await namesToCheck(subject)) {
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
async function namesToCheck(subject: Subject): Promise<readonly string[]> {
  const { ipOctets, isDnsName } = await est();
  const { commonName, dnsNames, ipAddresses } = subject;
  const names = [...dnsNames, ...ipAddresses];
  const looksLikeHost =
    ipOctets(commonName) !== undefined || (isDnsName(commonName) && commonName.includes('.'));
  return names.length === 0 || looksLikeHost ? [commonName, ...names] : names;
}

/** Codes of this package for what issuing refuses. */
async function translated<T>(work: () => Promise<T>): Promise<T> {
  const { EstError } = await est();
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof EstError && cause.code === 'ERR_EST_CA') {
      throw new CmcdError('ERR_ENROLL_CA', cause.message, { cause });
    }
    if (cause instanceof TypeError)
      throw new CmcdError('ERR_ENROLL_NAME', cause.message, { cause });
    throw cause;
  }
}

function refused(problem: string, options?: ErrorOptions): CmcdError {
  return new CmcdError('ERR_ENROLL_REQUEST', `certificate request: ${problem}`, options);
}
