import {
  attestEnrollRequest,
  decodeBase64Lines,
  MAX_CSR_BYTES,
  MAX_ENROLL_BODY_BYTES,
  MEDIA_TYPE,
  parseMediaType,
} from '@cmc/est';
import type { Enrollment } from '../auth/enrollment.ts';
import { HttpError } from '../http/http-error.ts';
import type { ProvRequest, RouteHandler } from '../http/route.ts';
import { createEnrollRoute } from './enroll-route.ts';

/** base64 in lines takes less than 3 bytes for 2. */
const MAX_CSR_BODY_BYTES: number = MAX_CSR_BYTES * 1.5;

/** `/simpleenroll`, `/simplereenroll` (RFC 7030, section 4.2) and `/attestenroll`. */
export function createEnrollRoutes(enrollment: Enrollment): readonly RouteHandler[] {
  const simple = (['simpleenroll', 'simplereenroll'] as const).map((endpoint) =>
    createEnrollRoute(enrollment, {
      endpoint,
      maxBodyBytes: MAX_CSR_BODY_BYTES,
      decode: (request) => ({ csr: csrOf(request) }),
    }),
  );
  const attested = createEnrollRoute(enrollment, {
    endpoint: 'attestenroll',
    maxBodyBytes: MAX_ENROLL_BODY_BYTES,
    decode: ({ headers, body }) =>
      attestEnrollRequest.decode({ contentType: headers['content-type'] ?? '', body }),
  });
  return [...simple, attested];
}

function csrOf({ headers, body }: ProvRequest): Uint8Array {
  const { type } = parseMediaType(headers['content-type'] ?? '');
  if (type !== MEDIA_TYPE.csr) throw new HttpError(415, `expected ${MEDIA_TYPE.csr}`);
  return decodeBase64Lines(body, 'CSR');
}
