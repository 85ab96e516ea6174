import type { WaitOptions } from '@cmc/attestationreport';
import type { Certificate } from '@cmc/attestationreport/x509';
import { DecodeError, equalBytes, toBase64 } from '@cmc/bytes';
import { decodeBase64Lines, encodeBase64Lines } from './base64-lines.ts';
import { parseCsr } from './certification-request.ts';
import { decodeCertsOnly } from './certs-only.ts';
import { type CsrAttribute, decodeCsrAttributes } from './csr-attributes.ts';
import {
  type AttestEnrollRequest,
  attestEnrollRequest,
  type TpmActivateEnrollRequest,
  type TpmActivateEnrollResponse,
  type TpmCertifyEnrollRequest,
  tpmActivateEnrollRequest,
  tpmActivateEnrollResponse,
  tpmCertifyEnrollRequest,
} from './enroll-messages.ts';
import { NONCE_HEADER } from './enrollment-nonce.ts';
import { EstError } from './errors.ts';
import { type EstClientOptions, EstConnection } from './est-connection.ts';
import type { HttpsResponse } from './https-request.ts';
import { MEDIA_TYPE, parseMediaType } from './media-type.ts';
import type { EncodedBody } from './multipart.ts';
import { decodeServerNonce, type ServerNonce } from './server-nonce.ts';

/** Options of enrollments with a report. */
export interface AttestedEnrollOptions extends WaitOptions {
  /** Nonce of {@link EstClient.nonce} that the report was made with, see `enrollmentNonce`. */
  readonly serverNonce?: Uint8Array;
}

/**
 * A client of an EST server. Certificates that come out have the key of the request; whether their
 * chain is trusted is for the caller to check.
 */
export interface EstClient {
  /** Certificates of the CA, in the order of the server. */
  caCerts(options?: WaitOptions): Promise<readonly Certificate[]>;
  /** What the server wants to see in requests; empty when it does not say. */
  csrAttrs(options?: WaitOptions): Promise<readonly CsrAttribute[]>;
  /** A nonce for one attested enrollment; undefined when the server has none (404). */
  nonce(options?: WaitOptions): Promise<ServerNonce | undefined>;
  /** A first certificate. `csr` is PKCS #10, DER. */
  simpleEnroll(csr: Uint8Array, options?: WaitOptions): Promise<Certificate>;
  /** A new certificate for the name of an old one, which is the client certificate. */
  simpleReenroll(csr: Uint8Array, options?: WaitOptions): Promise<Certificate>;
  /** A certificate in exchange for an attestation report. */
  attestEnroll(request: AttestEnrollRequest, options?: AttestedEnrollOptions): Promise<Certificate>;
  /** A certificate for a TPM key that an attestation key certified. */
  tpmCertifyEnroll(
    request: TpmCertifyEnrollRequest,
    options?: AttestedEnrollOptions,
  ): Promise<Certificate>;
  /** The certificate of an attestation key, encrypted: only the TPM can activate the secret. */
  tpmActivateEnroll(
    request: TpmActivateEnrollRequest,
    options?: WaitOptions,
  ): Promise<TpmActivateEnrollResponse>;
}

/** @throws {TypeError} not an HTTPS URL, no roots, not a token */
export function createEstClient(options: EstClientOptions): EstClient {
  const connection = new EstConnection(options);

  const enroll = async (
    endpoint: string,
    csr: Uint8Array,
    body: EncodedBody,
    wait: AttestedEnrollOptions = {},
  ): Promise<Certificate> => {
    const { spki } = parseCsr(csr);
    const { serverNonce } = wait;
    const headers = serverNonce === undefined ? {} : { [NONCE_HEADER]: toBase64(serverNonce) };
    const response = await connection.post(endpoint, body, wait, headers);
    const certificates = decode(() => decodeCertsOnly(certificateBody(response)));
    const issued = certificates.filter((certificate) => equalBytes(certificate.spki, spki));
    const [certificate] = issued;
    if (certificate !== undefined && issued.length === 1) return certificate;
    const got = `${issued.length} of ${certificates.length} certificates are for the requested key`;
    throw new EstError('ERR_EST_PROTOCOL', `expected one certificate: ${got}`);
  };
  const simple = (csr: Uint8Array): EncodedBody => ({
    contentType: MEDIA_TYPE.csr,
    body: encodeBase64Lines(csr),
  });

  return {
    caCerts: async (wait = {}) => {
      const response = await connection.get('cacerts', MEDIA_TYPE.certificates, wait);
      return decode(() => decodeCertsOnly(certificateBody(response)));
    },
    csrAttrs: async (wait = {}) => {
      const response = await connection.get('csrattrs', MEDIA_TYPE.csrAttributes, wait, [204, 404]);
      if (response.status !== 200) return [];
      return decode(() =>
        decodeCsrAttributes(decodeBase64Lines(typedBody(response, MEDIA_TYPE.csrAttributes))),
      );
    },
    nonce: async (wait = {}) => {
      const response = await connection.get('nonce', MEDIA_TYPE.json, wait, [404]);
      if (response.status === 404) return undefined;
      return decode(() => decodeServerNonce(typedBody(response, MEDIA_TYPE.json)));
    },
    simpleEnroll: (csr, wait) => enroll('simpleenroll', csr, simple(csr), wait),
    simpleReenroll: (csr, wait) => enroll('simplereenroll', csr, simple(csr), wait),
    attestEnroll: (request, wait) =>
      enroll('attestenroll', request.csr, attestEnrollRequest.encode(request), wait),
    tpmCertifyEnroll: (request, wait) =>
      enroll('tpmcertifyenroll', request.csr, tpmCertifyEnrollRequest.encode(request), wait),
    tpmActivateEnroll: async (request, wait = {}) => {
      const body = tpmActivateEnrollRequest.encode(request);
      const response = await connection.post('tpmactivateenroll', body, wait);
      return decode(() => tpmActivateEnrollResponse.decode(response));
    },
  };
}

/** Runs a decoder over what the server sent. */
function decode<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new EstError('ERR_EST_PROTOCOL', `answer of the server: ${cause.message}`, { cause });
  }
}

function certificateBody(response: HttpsResponse): Uint8Array {
  return decodeBase64Lines(typedBody(response, MEDIA_TYPE.certificates));
}

function typedBody(response: HttpsResponse, expected: string): Uint8Array {
  const { type } = parseMediaType(response.contentType);
  if (type === expected) return response.body;
  throw new DecodeError('ERR_DECODE_TYPE', `expected ${expected}, got ${type}`, {
    path: ['Content-Type'],
    offset: 0,
  });
}
