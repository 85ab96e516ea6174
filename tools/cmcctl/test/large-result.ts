import { createHash } from 'node:crypto';
import type { AttestationResult, DigestResult } from '@cmc/attestationreport';

const passed = { status: 'success' };

const FOLDERS = [
  '/usr/bin',
  '/usr/sbin',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/python3/dist-packages',
];

/** A result with many events of the kernel's log, one of which is unknown. */
export function largeResult(events: number): AttestationResult {
  const artifacts = Array.from({ length: events }, (_, i): DigestResult => {
    const digest = new Uint8Array(createHash('sha256').update(`${i}`).digest());
    const word = createHash('md5').update(`${i}`).digest('base64url').slice(0, 6);
    const name = `${FOLDERS[i % FOLDERS.length]}/${word}-${i % 97}.so`;
    return { success: true, launched: true, type: 'Verified', name, index: 10, digest };
  });
  const unknown = { ...artifacts[events - 1], success: false, launched: true, index: 10 };
  const name = '/usr/bin/evil</script><img src=x onerror=alert(1)>\u202egnp.exe\u0000';
  artifacts[events - 1] = { ...unknown, type: 'Measurement', name };
  const signature = { signatureVerification: passed, certChainValidation: passed };
  const item = {
    version: '2026-05-01T00:00:00Z',
    validity: { notBefore: '2026-05-01T00:00:00Z', notAfter: '2026-12-31T00:00:00Z' },
    summary: passed,
    validityCheck: passed,
  };
  return {
    version: '3.4.0',
    type: 'Attestation Result',
    summary: { status: 'fail', errorCodes: [67] },
    prover: { hostname: 'node-7</title><script>alert(2)</script>' },
    verifier: {},
    created: '2026-06-01T12:00:00Z',
    freshness: passed,
    certLevel: 3,
    measurements: [
      { type: 'TPM Result', summary: { status: 'fail' }, freshness: passed, signature, artifacts },
    ],
    metadata: {
      imageDescriptionResult: { type: 'Image Description', name: 'image', ...item },
      manifestResults: [{ type: 'Manifest', name: '<b>os</b>', ...item }],
      compatibilityResult: { result: passed },
    },
  };
}
