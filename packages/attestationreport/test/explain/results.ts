import type { AttestationResult, MeasurementResult, Result } from '../../src/types/result.ts';

export const passed: Result = { status: 'success' };

/** A result of acceptance. */
export const good: AttestationResult = {
  version: '3.4.0',
  type: 'Attestation Result',
  summary: passed,
  prover: { hostname: 'host' },
  verifier: {},
  created: '2026-06-01T12:00:00Z',
  freshness: { status: 'success', got: '00', expected: '00' },
  certLevel: 1,
  measurements: [],
  metadata: {
    imageDescriptionResult: {
      type: 'Image Description',
      name: 'image',
      version: '2026-05-01T00:00:00Z',
      summary: passed,
      validityCheck: passed,
    },
    manifestResults: [
      {
        type: 'Manifest',
        name: 'rtm',
        version: '2026-05-01T00:00:00Z',
        summary: passed,
        validityCheck: passed,
      },
    ],
    compatibilityResult: { result: passed },
  },
};

export const software: MeasurementResult = {
  type: 'SW Result',
  summary: passed,
  freshness: { status: 'success', got: 'aa' },
  signature: { signatureVerification: passed, certChainValidation: { status: '' } },
};

export function failedWith(code: number, details?: string): Result {
  return { status: 'fail', errorCodes: [code], ...(details === undefined ? {} : { details }) };
}
