import type { Signer } from '@cmc/attestationreport';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import type { Logger } from '@cmc/bytes';
import { type CertificationRequest, issueCertificate, KeyPurpose } from '@cmc/est';
import type { EndpointMethods, EnrollEndpoint } from '../config/endpoints.ts';
import { addressGroup } from '../http/address-group.ts';
import { HttpError } from '../http/http-error.ts';
import type { ProvRequest, ProvRequestHead } from '../http/route.ts';
import type { AttestationKey, CertificateRecord, IssueMethod, Store } from '../store/store.ts';
import {
  type AttestationGrant,
  type AttestationPolicy,
  checkAttestation,
  refusedNonce,
} from './attestation-method.ts';
import {
  type CertificateGrant,
  checkClientCertificate,
  clientCertificateOf,
} from './certificate-method.ts';
import {
  checkNames,
  checkRenewable,
  checkRepeated,
  checkSameNames,
  refusedDevice,
} from './check-names.ts';
import type { Grant } from './grant.ts';
import {
  AUDITED_REFUSAL_PAUSE_MS,
  FAILURE_PAUSE_MS,
  MAX_AUDITED_REFUSALS,
  MAX_FAILING_ADDRESSES,
  MAX_FAILURES,
} from './limits.ts';
import type { Nonces } from './nonces.ts';
import { RateLimit } from './rate-limit.ts';
import {
  alternativeNamesOf,
  type RequestSubject,
  readRequest,
  readSubject,
} from './request-subject.ts';
import { checkToken, refusedToken, type TokenGrant, tokenOf } from './token-method.ts';

/** What certificates are issued with, and when. */
export interface EnrollmentOptions {
  readonly store: Store;
  /** Key of the authority with its chain, its own certificate first. */
  readonly issuer: Signer;
  readonly nonces: Nonces;
  readonly endpoints: EndpointMethods;
  readonly attestation: AttestationPolicy;
  readonly lifetimeMs: number;
  readonly crlUrl?: string;
  readonly logger: Logger;
  readonly now?: () => Date;
}

/** What an endpoint itself found out about the key of a request. */
export interface KeyProof extends Grant {
  readonly method: IssueMethod;
  readonly device?: string;
  /** To be registered with its device when the certificate is recorded. */
  readonly attestationKey?: AttestationKey;
}

/** A request for a certificate, its body decoded. */
export interface EnrollmentRequest {
  readonly endpoint: EnrollEndpoint;
  readonly request: ProvRequest;
  /** PKCS #10, DER. */
  readonly csr: Uint8Array;
  /** Needed where the endpoint demands an attestation. */
  readonly report?: Uint8Array;
  /**
   * Checks what is special to the endpoint, after token, client certificate and signature of the
   * request, and before the attestation. Throws an {@link HttpError}. Needed where the endpoint
   * demands `tpm`.
   */
  readonly prove?: (csr: CertificationRequest, now: Date) => Promise<KeyProof>;
  /** The names that have to be allowed, and alternative names of the certificate. Default: all. */
  readonly claims?: (subject: RequestSubject) => RequestSubject;
  /** Extended key usages. Default: TLS server and client. */
  readonly purposes?: readonly string[];
}

interface Grants {
  readonly token?: TokenGrant;
  readonly certificate?: CertificateGrant;
  readonly proof?: KeyProof;
  readonly attestation?: AttestationGrant;
}

const TLS_PURPOSES = [KeyPurpose.serverAuth, KeyPurpose.clientAuth];

/** Decides who gets a certificate: the same for every endpoint. */
export class Enrollment {
  readonly #options: EnrollmentOptions;
  readonly #authorities: readonly Certificate[];
  readonly #failures = new RateLimit({
    burst: MAX_FAILURES,
    pauseMs: FAILURE_PAUSE_MS,
    maxKeys: MAX_FAILING_ADDRESSES,
  });
  readonly #audited = new RateLimit({
    burst: MAX_AUDITED_REFUSALS,
    pauseMs: AUDITED_REFUSAL_PAUSE_MS,
    maxKeys: 1,
  });

  constructor(options: EnrollmentOptions) {
    this.#options = options;
    this.#authorities = options.issuer.certificateChain.map((der) => parseCertificate(der));
  }

  /** Refuses what cannot succeed whatever the body says. @throws {HttpError} */
  async admit(endpoint: EnrollEndpoint, head: ProvRequestHead): Promise<void> {
    await this.#recorded(endpoint, head, async () => this.#checkHead(endpoint, head));
  }

  /**
   * A certificate, recorded, for a request that satisfies all methods of its endpoint. Every refusal
   * is logged, audited and counts against the address.
   * @throws {HttpError} 400 malformed, 401 and 403 refused, 429 refused too often
   */
  async authorizeAndIssue(enrollment: EnrollmentRequest): Promise<CertificateRecord> {
    const { endpoint, request } = enrollment;
    return await this.#recorded(endpoint, request, async (now) => {
      this.#checkHead(endpoint, request);
      return await this.#issue(enrollment, now);
    });
  }

  /** Counts and records refusals. */
  async #recorded<T>(
    endpoint: EnrollEndpoint,
    { remoteAddress: address }: ProvRequestHead,
    work: (now: Date) => Promise<T>,
  ): Promise<T> {
    const { logger, store } = this.#options;
    const now = this.#options.now?.() ?? new Date();
    try {
      return await work(now);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      const { status, message: reason } = error;
      const details = { endpoint, address, status: String(status), reason };
      logger.warn(details, 'enrolment refused');
      if (status === 401 || status === 403) {
        this.#failures.add(addressGroup(address));
        const entry = { action: 'enrollment-refused', subject: endpoint, details };
        if (this.#audited.add('')) await store.audit(entry, now);
      }
      throw error;
    }
  }

  #checkHead(endpoint: EnrollEndpoint, head: ProvRequestHead): void {
    const waitMs = this.#failures.waitMs(addressGroup(head.remoteAddress));
    if (waitMs > 0) {
      const retry = { 'retry-after': String(Math.ceil(waitMs / 1000)) };
      throw new HttpError(429, 'too many requests were refused, try again later', retry);
    }
    const methods = this.#options.endpoints[endpoint];
    if (methods.length === 0) throw new HttpError(403, `/${endpoint} is closed on this server`);
    if (methods.includes('token')) tokenOf(head);
    if (methods.includes('certificate')) clientCertificateOf(head);
  }

  async #issue(enrollment: EnrollmentRequest, now: Date): Promise<CertificateRecord> {
    const { endpoint, request } = enrollment;
    const { store, issuer, nonces, logger, lifetimeMs, crlUrl } = this.#options;
    const csr = await readRequest(enrollment.csr);
    const requested = readSubject(csr);
    const subject = enrollment.claims?.(requested) ?? requested;
    const grants = await this.#authorize(enrollment, csr, subject, now);
    if (await store.isCompromised(subject.spkiSha256)) {
      throw new HttpError(403, 'the key was revoked as compromised: make another one');
    }
    const names = alternativeNamesOf(subject);
    const wanted = {
      spkiSha256: subject.spkiSha256,
      subject: csr.subject,
      names,
      method: methodOf(endpoint, grants),
    };
    // With a token, the record of its certificate is found when the token is spent.
    const current =
      grants.token === undefined ? await store.currentCertificate(wanted, now) : undefined;
    const { token, attestation } = grants;
    if (current !== undefined) {
      await this.#spend(attestation?.nonce, now);
      return current;
    }
    request.signal.throwIfAborted();
    const { certificate, serial, notBefore, notAfter } = await issueCertificate(
      {
        subject: { commonName: requested.commonName },
        publicKey: csr.spki,
        dnsNames: subject.dnsNames,
        ipAddresses: subject.ipAddresses,
        purposes: enrollment.purposes ?? TLS_PURPOSES,
        lifetimeMs,
        ...(crlUrl === undefined ? {} : { crlUrl }),
      },
      { issuer, now, signal: request.signal },
    );
    const device = grants.proof?.device ?? grants.attestation?.prover;
    const attestationKey = grants.proof?.attestationKey;
    const outcome = await store.issueCertificate(
      {
        ...wanted,
        serial,
        certificate,
        notBefore,
        notAfter,
        ...(device === undefined ? {} : { device }),
        ...(token === undefined ? {} : { token: token.id }),
        ...(attestation?.nonce === undefined ? {} : { nonce: attestation.nonce }),
        ...(attestationKey === undefined ? {} : { attestationKey }),
      },
      now,
    );
    if (outcome.state === 'refused') {
      if (outcome.reason === 'device') throw refusedDevice();
      throw outcome.reason === 'nonce' ? refusedNonce() : refusedToken(outcome.reason);
    }
    const { record } = outcome;
    if (outcome.state === 'issued' && attestation?.nonce !== undefined) {
      nonces.spent(attestation.nonce);
    }
    if (outcome.state === 'already-issued') checkRepeated(record, wanted, now);
    const { remoteAddress: address } = request;
    logger.info(
      { endpoint, address, serial: record.serial, subject: record.subject, names },
      'certificate issued',
    );
    return record;
  }

  async #spend(nonce: Uint8Array | undefined, now: Date): Promise<void> {
    if (nonce === undefined) return;
    const { store, nonces } = this.#options;
    if (!(await store.spendNonce(nonce, now))) throw refusedNonce();
    nonces.spent(nonce);
  }

  /** Everything that the endpoint demands, the cheap first. */
  async #authorize(
    enrollment: EnrollmentRequest,
    csr: CertificationRequest,
    subject: RequestSubject,
    now: Date,
  ): Promise<Grants> {
    const { endpoint, request, report, prove } = enrollment;
    const { store, attestation: policy, logger } = this.#options;
    const methods = this.#options.endpoints[endpoint];
    const grants: { -readonly [K in keyof Grants]: Grants[K] } = {};
    const granted = (grant: Grant): void => checkNames(subject, grant);
    if (methods.includes('token')) {
      grants.token = await checkToken(tokenOf(request), subject.spkiSha256, { store, now });
      granted(grants.token);
    }
    if (methods.includes('certificate')) {
      const authorities = this.#authorities;
      const der = clientCertificateOf(request);
      grants.certificate = await checkClientCertificate(der, { store, authorities, now });
      granted(grants.certificate);
      if (methods.length === 1) checkRenewable(grants.certificate);
      if (endpoint === 'simplereenroll') checkSameNames(csr, subject, grants.certificate);
    }
    if (methods.includes('tpm') && prove === undefined) {
      throw new Error(`${endpoint}: no proof of the key`);
    }
    if (prove !== undefined) {
      grants.proof = await prove(csr, now);
      granted(grants.proof);
    }
    if (methods.includes('attestation')) {
      if (report === undefined) throw new Error(`${endpoint}: no report`);
      const check = { policy, store, logger, now };
      grants.attestation = await checkAttestation(report, csr.spki, request, check);
      granted(grants.attestation);
    }
    return grants;
  }
}

function methodOf(endpoint: EnrollEndpoint, grants: Grants): IssueMethod {
  if (grants.proof !== undefined) return grants.proof.method;
  if (endpoint === 'simplereenroll') return 'reenroll';
  if (grants.attestation !== undefined) return 'attestation';
  return grants.token === undefined ? 'certificate' : 'token';
}
