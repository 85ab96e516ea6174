import { equalBytes } from '@cmc/bytes';
import { flipEachByte } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { digestOfEvent } from '../support/tpm.ts';
import { createTpmScene } from '../support/tpm-scene.ts';

const { certificate, refused } = await createTpmScene();

describe('every byte counts', () => {
  test('of the quote', async () => {
    const seen = new Set<number>();
    for (let at = 0; at < 145; at++) {
      await refused({
        evidence: (bytes) => {
          seen.add(at % bytes.length);
          return patched(bytes, at % bytes.length, (bytes[at % bytes.length] ?? 0) ^ 1);
        },
      });
    }
    expect(seen.size).toBeGreaterThan(120);
  }, 60_000);

  test('of the signature', async () => {
    for (let at = 0; at < 72; at++) {
      await refused({
        signature: (bytes) =>
          patched(bytes, at % bytes.length, (bytes[at % bytes.length] ?? 0) ^ 1),
      });
    }
  }, 60_000);

  test('of every digest in the logs', async () => {
    const flips = [...flipEachByte(digestOfEvent({ name: '', data: 'boot loader' }))];
    for (const { bytes } of flips) {
      await refused({
        artifacts: (all) =>
          all.map((log) => ({
            ...log,
            events: (log.events ?? []).map((event) =>
              equalBytes(
                event.hashes?.[0]?.content ?? new Uint8Array(),
                digestOfEvent({ name: '', data: 'boot loader' }),
              )
                ? { ...event, hashes: [{ alg: 'SHA-256', content: bytes }] }
                : event,
            ),
          })),
      });
    }
  }, 60_000);

  test('of the certificate', async () => {
    for (const { bytes } of flipEachByte(certificate)) await refused({ certs: [bytes] });
  }, 60_000);
});

function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = new Uint8Array(bytes);
  changed[at] = value;
  return changed;
}
