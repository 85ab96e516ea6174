import { randomBytes } from 'node:crypto';
import type { NewCertificate } from '../../src/store/store.ts';

export const NOW: Date = new Date('2026-06-01T12:00:00Z');
export const DAY_MS = 86_400_000;

/** A certificate to record; its content does not matter to a store. */
export function newCertificate(change: Partial<NewCertificate> = {}): NewCertificate {
  return {
    serial: randomBytes(16).toString('hex'),
    certificate: new Uint8Array(randomBytes(300)),
    subject: 'CN=device',
    names: ['device.example'],
    spkiSha256: randomBytes(32).toString('hex'),
    notBefore: NOW,
    notAfter: new Date(NOW.getTime() + 90 * DAY_MS),
    method: 'attestation',
    ...change,
  };
}
