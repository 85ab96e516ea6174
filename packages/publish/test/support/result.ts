import type { AttestationResult, DigestResult } from '@cmc/attestationreport';

const SUCCESS = { status: 'success' } as const;

export const UNKNOWN_CONTAINER: DigestResult = {
  success: false,
  launched: true,
  type: 'Measurement',
  name: 'miner',
  index: 0,
  digest: new Uint8Array(32).fill(0xab),
  hashAlg: 'SHA-256',
  description: 'no manifest has this container',
};

export const MISSING_CONTAINER: DigestResult = {
  success: false,
  launched: false,
  name: 'database',
  index: 0,
};

export const ALLOWED_CONTAINER: DigestResult = {
  success: true,
  launched: true,
  name: 'proxy',
  index: 0,
};

/** A result with these artifacts, of a prover that is named. */
export function resultWith(
  artifacts: readonly DigestResult[],
  members: Partial<AttestationResult> = {},
): AttestationResult {
  return {
    version: '1.4.0',
    type: 'Attestation Result',
    summary: { status: 'fail', errorCodes: [1] },
    prover: {
      hostname: 'node-7.example.org',
      ip: '192.0.2.7:51234',
      peerId: '00112233445566778899AABBCCDDEEFF'.padEnd(64, '0'),
    },
    verifier: { hostname: 'gateway.example.org', ip: '192.0.2.1' },
    created: '2026-01-15T00:00:00.000Z',
    freshness: SUCCESS,
    certLevel: 3,
    measurements: [
      {
        type: 'SW Result',
        summary: { status: 'fail' },
        freshness: SUCCESS,
        signature: { signatureVerification: SUCCESS, certChainValidation: SUCCESS },
        artifacts,
      },
    ],
    metadata: {
      imageDescriptionResult: {
        type: 'Image Description',
        name: 'image',
        version: '1',
        summary: SUCCESS,
        validityCheck: SUCCESS,
      },
      manifestResults: null,
      compatibilityResult: { result: SUCCESS },
    },
    ...members,
  };
}
