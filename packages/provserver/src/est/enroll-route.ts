import { DecodeError } from '@cmc/bytes';
import { encodeBase64Lines, encodeCertsOnly, MEDIA_TYPE } from '@cmc/est';
import type { Enrollment, EnrollmentRequest } from '../auth/enrollment.ts';
import type { EnrollEndpoint } from '../config/endpoints.ts';
import { HttpError } from '../http/http-error.ts';
import type { ProvRequest, ProvResponse, RouteHandler } from '../http/route.ts';
import type { CertificateRecord } from '../store/store.ts';

/** RFC 7030, section 3.2.2. */
export const EST_PATH = '/.well-known/est';

/** What the body of a request asks for, and what is done with the certificate. */
export interface EnrollMessage extends Omit<EnrollmentRequest, 'endpoint' | 'request'> {
  /** The answer. Default: a certs-only message with the certificate. */
  readonly respond?: (record: CertificateRecord) => Promise<ProvResponse>;
}

/** What is special to one endpoint that issues certificates. */
export interface EnrollRouteOptions {
  readonly endpoint: EnrollEndpoint;
  readonly maxBodyBytes: number;
  /** Reads the body. A DecodeError that it throws becomes a 400. */
  readonly decode: (request: ProvRequest) => EnrollMessage;
}

/** A route `POST /.well-known/est/<endpoint>` on which `enrollment` decides. */
export function createEnrollRoute(
  enrollment: Enrollment,
  options: EnrollRouteOptions,
): RouteHandler {
  const { endpoint, maxBodyBytes, decode } = options;
  return {
    method: 'POST',
    path: `${EST_PATH}/${endpoint}`,
    maxBodyBytes,
    admit: async (head) => await enrollment.admit(endpoint, head),
    handle: async (request) => {
      const { respond, ...message } = decoded(() => decode(request));
      const record = await enrollment.authorizeAndIssue({ ...message, endpoint, request });
      return (await respond?.(record)) ?? certificatesResponse([record.certificate]);
    },
  };
}

/** A certs-only message as EST sends it. */
export function certificatesResponse(certificates: readonly Uint8Array[]): ProvResponse {
  return {
    status: 200,
    headers: {
      'content-type': `${MEDIA_TYPE.certificates}; smime-type=certs-only`,
      'content-transfer-encoding': 'base64',
    },
    body: encodeBase64Lines(encodeCertsOnly(certificates)),
  };
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) throw new HttpError(400, error.message, {}, { cause: error });
    throw error;
  }
}
