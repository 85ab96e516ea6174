import { MAX_ENROLL_BODY_BYTES } from '@cmc/est';
import type { Enrollment } from '../auth/enrollment.ts';
import { createEnrollRoute } from '../est/enroll-route.ts';
import type { RouteHandler } from '../http/route.ts';
import { readActivateEnroll, type TpmOptions } from './activate.ts';
import { readCertifyEnroll } from './certify.ts';
import { MAX_ACTIVATE_BODY_BYTES } from './limits.ts';

/** `/tpmactivateenroll` and `/tpmcertifyenroll`: certificates for keys in TPMs. */
export function createTpmRoutes(
  enrollment: Enrollment,
  options: TpmOptions,
): readonly RouteHandler[] {
  return [
    createEnrollRoute(enrollment, {
      endpoint: 'tpmactivateenroll',
      maxBodyBytes: MAX_ACTIVATE_BODY_BYTES,
      decode: (request) => readActivateEnroll(request, options),
    }),
    createEnrollRoute(enrollment, {
      endpoint: 'tpmcertifyenroll',
      maxBodyBytes: MAX_ENROLL_BODY_BYTES,
      decode: (request) => readCertifyEnroll(request, options),
    }),
  ];
}
