import { concatBytes } from '@cmc/bytes';
import { createFakeKeySync } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { digest } from '../../src/crypto/index.ts';
import { createScene } from '../support/scene.ts';
import {
  BOOT,
  digestOfEvent,
  fakeTpm,
  tpmComponent,
  tpmMetadata,
  tpmReferences,
} from '../support/tpm.ts';
import {
  ATTESTATION_KEY,
  createTpmScene,
  failures,
  type TpmCase,
  tpmResultOf,
} from '../support/tpm-scene.ts';

const { run, refused } = await createTpmScene();

describe('a measured boot', () => {
  test.each([
    ['EC256', 'ES256', 'SHA-256'],
    ['EC384', 'ES384', 'SHA-384'],
    ['EC256', 'ES256', 'SHA-384'],
    ['RSA2048', 'RS256', 'SHA-256'],
    ['RSA2048', 'PS256', 'SHA-256'],
  ] as const)('with a key of %s, %s, bank %s is accepted', async (keyKind, algorithm, bank) => {
    const verification = await run({ keyKind, algorithm, bank });
    expect(verification.result.summary).toEqual({ status: 'success' });
    expect(verification.result.certLevel).toBe(3);
    const tpm = tpmResultOf(verification);
    expect(tpm.tpmResult?.aggPcrQuoteMatch).toEqual({ status: 'success' });
    expect(tpm.tpmResult?.pcrMatch?.map(({ index }) => index)).toEqual([0, 4, 10, 11]);
    expect(tpm.artifacts).toHaveLength(4);
  });

  test('is accepted in CBOR', async () => {
    const cbor = await createScene('cbor');
    const key = createFakeKeySync('EC256');
    const issued = await cbor.ca.issue({ ...ATTESTATION_KEY, key });
    const report = await cbor.report({
      measurers: [fakeTpm({ key, certs: [issued.certificate] })],
      metadata: tpmMetadata(),
    });
    expect((await cbor.verify(report)).ok).toBe(true);
  });

  test('names exactly the event that no manifest knows, and still shows that the log is genuine', async () => {
    const unknown = { name: 'evil', data: '/tmp/evil' };
    const events = { ...BOOT, 10: [...(BOOT[10] ?? []), unknown] };
    const tpm = await refused({ events, references: tpmReferences(BOOT) });
    expect(failures(tpm)).toEqual([
      {
        success: false,
        launched: true,
        type: 'Measurement',
        name: 'evil',
        index: 10,
        digest: digestOfEvent(unknown),
        hashAlg: 'SHA-256',
      },
    ]);
    expect(tpm.tpmResult?.aggPcrQuoteMatch).toEqual({ status: 'success' });
    const match = tpm.tpmResult?.pcrMatch?.find(({ index }) => index === 10);
    expect(match).toMatchObject({ success: false, measured: expect.any(String) });
  });

  test('with a name of its own for a known digest says both', async () => {
    const references = tpmReferences().map((component) =>
      component.name === 'init' ? { ...component, name: 'systemd', version: '252' } : component,
    );
    const verification = await run({ references });
    expect(verification.ok).toBe(true);
    expect(tpmResultOf(verification).artifacts?.find(({ index }) => index === 10)).toMatchObject({
      name: 'systemd: init',
      version: '252',
    });
  });
});

describe('a summary of PCRs', () => {
  const summarized: TpmCase = {
    artifacts: (all) =>
      all.map(({ index }) => ({
        type: 'PCR Summary',
        index,
        events: [
          tpmComponent(
            index,
            { name: 'PCR', data: '' },
            {
              hashes: [{ alg: 'SHA-256', content: pcrValue(index) }],
            },
          ),
        ],
      })),
    events: { 0: BOOT[0] ?? [], 4: BOOT[4] ?? [] },
  };

  test('is accepted when the references give the quoted values', async () => {
    const verification = await run(summarized);
    expect(verification.result.summary).toEqual({ status: 'success' });
  });

  test('is refused when a reference is missing, extra, or in another order', async () => {
    const references = tpmReferences(summarized.events);
    for (const wrong of [
      references.slice(1),
      [...references, tpmComponent(4, { name: 'more', data: 'more' })],
      references.toReversed(),
    ]) {
      await refused({ ...summarized, references: wrong });
    }
  });

  test('is refused when it says something else than the quote', async () => {
    await refused({
      ...summarized,
      artifacts: (all) =>
        (summarized.artifacts?.(all) ?? []).map((log) => ({
          ...log,
          events: (log.events ?? []).map((event) => ({
            ...event,
            hashes: [{ alg: 'SHA-256', content: new Uint8Array(32) }],
          })),
        })),
    });
  });
});

/** What the events of a PCR come to. */
function pcrValue(index: number): Uint8Array {
  return (BOOT[index] ?? []).reduce<Uint8Array>(
    (value, event) => digest('SHA-256', concatBytes(value, digestOfEvent(event))),
    new Uint8Array(32),
  );
}
