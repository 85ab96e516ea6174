import { CmcError, toHex } from '@cmc/bytes';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeReport, encodeContext } from '../src/codec/index.ts';
import type { Measurer, WaitOptions } from '../src/contract.ts';
import { digest } from '../src/crypto/index.ts';
import { generate, MAX_MEASUREMENT_ATTEMPTS } from '../src/generate.ts';
import { isSignedReport } from '../src/sign/index.ts';
import { createScene, digestOf, goodMetadata, nonce, type Scene } from './support/scene.ts';
import { fakeSoftware } from './support/software.ts';

let scene: Scene;
let items: readonly Uint8Array[];
beforeAll(async () => {
  scene = await createScene('json');
  items = await Promise.all(goodMetadata().map((item) => scene.sign(item)));
});

const stale = new CmcError('ERR_MEASUREMENT_STALE', 'the log grew');

/** A measurer that fails `times` times when asked to measure, and counts what it is asked. */
function failing(error: unknown, times: number): Measurer & { prepared: number; measured: number } {
  const software = fakeSoftware();
  return {
    name: 'failing',
    prepared: 0,
    measured: 0,
    async prepare() {
      this.prepared++;
      const { collateral, measure } = await software.prepare();
      return {
        collateral,
        measure: async (nonceToSign) => {
          this.measured++;
          if (this.measured <= times) throw error;
          return measure(nonceToSign);
        },
      };
    },
  };
}

describe('generate', () => {
  test.each(['json', 'cbor'] as const)(
    'puts everything into a report in %s',
    async (serialization) => {
      let asked: Uint8Array | undefined;
      const software = fakeSoftware();
      const measurer: Measurer = {
        name: 'spy',
        prepare: async () => {
          const { collateral, measure } = await software.prepare();
          return {
            collateral,
            measure: (evidenceNonce) => {
              asked = evidenceNonce;
              return measure(evidenceNonce);
            },
          };
        },
      };
      const bytes = await generate({
        measurers: [measurer],
        nonce,
        metadata: items,
        serialization,
        name: 'host',
        hashAlg: 'SHA-384',
      });
      const decoded = decodeReport(bytes);
      const { report } = decoded;
      expect(decoded.serialization).toBe(serialization);
      expect(report).toMatchObject({
        version: '3.3.0',
        type: 'Attestation Report',
        name: 'host',
        encoding: serialization === 'json' ? 'b64' : 'cbor',
        evidences: [{ type: 'SW Evidence' }],
        context: { type: 'Context', alg: 'SHA-384', nonce, collateral: [{ type: 'SW Evidence' }] },
      });
      const digests = items.map((item) => toHex(digest('SHA-384', item))).sort();
      expect(report.context.digests).toEqual(digests);
      expect([...(report.context.metadata?.keys() ?? [])].sort()).toEqual(digests);
      expect(asked).toEqual(digest('SHA-384', decoded.encodedContext));
      expect(decoded.encodedContext).toEqual(encodeContext(report.context, serialization));
    },
  );

  test('writes CBOR with SHA-256 unless told otherwise', async () => {
    const decoded = decodeReport(await generate({ measurers: [fakeSoftware()], nonce }));
    expect(decoded.serialization).toBe('cbor');
    expect(decoded.report.context.alg).toBe('SHA-256');
    expect(decoded.report.name).toBeUndefined();
    expect(decoded.report.context.metadata).toBeUndefined();
    expect(decoded.report.context.digests).toEqual([]);
  });

  test('leaves out metadata that the verifier has, in any spelling of its digest', async () => {
    const [first = new Uint8Array(), ...others] = items;
    const cached = [digestOf(first).toUpperCase(), 'unknown'];
    const options = { measurers: [fakeSoftware()], nonce, metadata: items };
    const { report } = decodeReport(await generate({ ...options, cached }));
    expect(report.context.digests).toHaveLength(4);
    expect([...(report.context.metadata?.values() ?? [])]).toHaveLength(others.length);
    expect(report.context.metadata?.has(digestOf(first))).toBe(false);
    const all = decodeReport(await generate({ ...options, cached: items.map(digestOf) }));
    expect(all.report.context.metadata).toBeUndefined();
    expect(all.report.context.digests).toHaveLength(4);
  });

  test('lists an item once that is there twice', async () => {
    const metadata = [...items, ...items];
    const { report } = decodeReport(
      await generate({ measurers: [fakeSoftware()], nonce, metadata }),
    );
    expect(report.context.digests).toHaveLength(4);
  });

  test('asks all measurers, and commits every evidence to the collateral of all', async () => {
    const other: Measurer = {
      name: 'other',
      prepare: async () => ({
        collateral: [{ type: 'TPM Evidence' }],
        measure: async (evidenceNonce) => [{ type: 'TPM Evidence', evidence: evidenceNonce }],
      }),
    };
    const decoded = decodeReport(await generate({ measurers: [other, fakeSoftware()], nonce }));
    expect(decoded.report.context.collateral?.map(({ type }) => type)).toEqual([
      'TPM Evidence',
      'SW Evidence',
    ]);
    expect(decoded.report.evidences?.[0]?.evidence).toEqual(
      digest('SHA-256', decoded.encodedContext),
    );
  });

  test('signs the whole report when given a signer', async () => {
    for (const serialization of ['json', 'cbor'] as const) {
      const options = { measurers: [fakeSoftware()], nonce, serialization };
      expect(isSignedReport(await generate({ ...options, signer: scene.signer }))).toBe(true);
      expect(isSignedReport(await generate(options))).toBe(false);
    }
  });

  test('begins anew when what is measured changed, with a new snapshot', async () => {
    const measurer = failing(stale, MAX_MEASUREMENT_ATTEMPTS - 1);
    const report = await generate({
      measurers: [measurer],
      nonce,
      metadata: items,
      serialization: 'json',
    });
    expect(measurer.prepared).toBe(MAX_MEASUREMENT_ATTEMPTS);
    expect((await scene.verify(report)).ok).toBe(true);
  });

  test('gives up when it changes all the time', async () => {
    const measurer = failing(stale, Number.POSITIVE_INFINITY);
    await expect(generate({ measurers: [measurer], nonce })).rejects.toBe(stale);
    expect(measurer.prepared).toBe(MAX_MEASUREMENT_ATTEMPTS);
  });

  test('passes on other errors at once, when no measurer is busy any more', async () => {
    const error = new CmcError('ERR_TPM_GONE', 'no TPM');
    const broken = failing(error, 1);
    let finished = false;
    const slow: Measurer = {
      name: 'slow',
      prepare: async () => ({
        collateral: [],
        measure: async () => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          finished = true;
          throw stale;
        },
      }),
    };
    await expect(generate({ measurers: [broken, slow], nonce })).rejects.toBe(error);
    expect(broken.prepared).toBe(1);
    expect(finished).toBe(true);
  });

  test('passes the signal on and rejects with its reason', async () => {
    const reason = new Error('stop');
    const controller = new AbortController();
    const seen: (AbortSignal | undefined)[] = [];
    const measurer: Measurer = {
      name: 'waiting',
      prepare: async (options?: WaitOptions) => {
        seen.push(options?.signal);
        controller.abort(reason);
        throw stale;
      },
    };
    const { signal } = controller;
    await expect(generate({ measurers: [measurer], nonce, signal })).rejects.toBe(reason);
    expect(seen).toEqual([signal]);
    await expect(generate({ measurers: [measurer], nonce, signal })).rejects.toBe(reason);
    expect(seen).toHaveLength(1);
  });

  test('refuses to make a report without measurers', async () => {
    await expect(generate({ measurers: [], nonce })).rejects.toThrow(RangeError);
  });
});
