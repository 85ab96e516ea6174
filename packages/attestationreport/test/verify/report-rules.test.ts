import { encodeUtf8 } from '@cmc/bytes';
import { createFakeCa } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  attestationResultSchema,
  decodeCbor,
  decodeReport,
  decodeStruct,
  encodeReport,
  encodeStruct,
} from '../../src/codec/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import { explain } from '../../src/explain.ts';
import { generate } from '../../src/generate.ts';
import { signPayload, signReport } from '../../src/sign/index.ts';
import type { UnverifiedReport } from '../../src/types/report.ts';
import { createNonce, type VerifyOptions, verify } from '../../src/verify/index.ts';
import { parseCertificate } from '../../src/x509/index.ts';
import { createScene, nonce, type Scene } from '../support/scene.ts';
import { fakeSoftware } from '../support/software.ts';

let json: Scene;
let cbor: Scene;
beforeAll(async () => {
  [json, cbor] = await Promise.all([createScene('json'), createScene('cbor')]);
});

async function refuse(
  scene: Scene,
  report: Uint8Array,
  changes: Partial<VerifyOptions> = {},
): Promise<readonly number[]> {
  const { ok, result, report: verified } = await scene.verify(report, changes);
  expect(ok, explain(result).join(' ')).toBe(false);
  expect(verified).toBeUndefined();
  expect(result.summary.status).toBe('fail');
  // Whatever is wrong with a report, its result can be sent on.
  for (const encoding of ['json', 'cbor'] as const) {
    const { value } = decodeStruct(
      attestationResultSchema,
      encodeStruct(attestationResultSchema, result, encoding),
    );
    expect(value.summary).toEqual(result.summary);
  }
  return result.summary.errorCodes ?? [];
}

describe('the bytes of a report', () => {
  test('nothing, junk and other documents are refused with code 6', async () => {
    for (const bytes of [
      new Uint8Array(),
      Uint8Array.of(0),
      Uint8Array.of(0xff, 0xff),
      encodeUtf8('null'),
      encodeUtf8('{}'),
      encodeUtf8('[]'),
      encodeUtf8('{"payload":"","signatures":[]}'),
      encodeUtf8('{"payload":""}'),
      Uint8Array.of(0xa0),
      Uint8Array.of(0xd8, 0x62, 0x84),
      await json.sign({ type: 'Manifest' }),
    ]) {
      expect(await refuse(json, bytes)).toContain(ErrorCode.UnknownSerialization);
    }
  });

  test('R32 a context that is not canonical is refused, though the evidence covers it', async () => {
    const report = await cbor.report();
    const { encodedContext } = decodeReport(report);
    const text = Buffer.from(report).toString('latin1');
    const context = Buffer.from(encodedContext).toString('latin1');
    const alg = '\x67SHA-256';
    expect(context).toContain(alg);
    const longer = context.replace(alg, '\x78\x07SHA-256');
    // Random bytes of the context could mean something in a replacement text.
    const bytes = Uint8Array.from(
      Buffer.from(
        text.replace(context, () => longer),
        'latin1',
      ),
    );
    expect(() => decodeCbor(bytes, { canonical: false })).not.toThrow();
    expect(await refuse(cbor, bytes)).toEqual([ErrorCode.UnknownSerialization]);
  });

  test('R32 the evidence commits to the context as received, not to a re-encoding', async () => {
    const report = await json.report();
    const { context } = JSON.parse(Buffer.from(report).toString());
    const inner = Buffer.from(context, 'base64url').toString();
    const spaced = Buffer.from(inner.replace('{', '{ ')).toString('base64url');
    const bytes = encodeUtf8(Buffer.from(report).toString().replace(context, spaced));
    expect(decodeReport(bytes).report).toEqual(decodeReport(report).report);
    expect(await refuse(json, bytes)).toContain(ErrorCode.VerifyMeasurement);
  });

  test('R32 a member twice is refused', async () => {
    const report = Buffer.from(await json.report()).toString();
    const twice = report.replace('"version":', '"version":"3.3.0","version":');
    expect(await refuse(json, encodeUtf8(twice))).toEqual([ErrorCode.UnknownSerialization]);
  });
});

describe('what a report says it is', () => {
  const change = async (
    scene: Scene,
    changes: (report: UnverifiedReport) => Partial<UnverifiedReport>,
  ): Promise<Uint8Array> => {
    const { report, serialization } = decodeReport(await scene.report());
    return encodeReport({ ...report, ...changes(report) }, serialization);
  };

  test('another version is refused with both versions', async () => {
    for (const version of ['3.2.0', '3.3.1', '', '3.3.0 ']) {
      const bytes = await change(json, () => ({ version }));
      expect(await refuse(json, bytes)).toEqual([ErrorCode.InvalidVersion]);
      const { result } = await json.verify(bytes);
      expect(result.summary.details).toBe(`expected version 3.3.0, got ${version}`);
    }
  });

  test('another type of report or context is refused', async () => {
    const type = 'Attestation Result';
    expect(await refuse(cbor, await change(cbor, () => ({ type })))).toEqual([ErrorCode.ParseAR]);
    const context = await change(cbor, (report) => ({ context: { ...report.context, type } }));
    expect(await refuse(cbor, context)).toContain(ErrorCode.ParseAR);
  });

  test('a hash that is broken or unknown is refused, whoever chose it', async () => {
    for (const alg of ['SHA-1', 'sha1', 'MD5', 'SHA3-256', '']) {
      const bytes = await change(json, (report) => ({ context: { ...report.context, alg } }));
      expect(await refuse(json, bytes)).toEqual([ErrorCode.UnsupportedContextHashAlg]);
    }
  });
});

describe('the nonce', () => {
  test('R41 a report for another nonce, a part of it or more than it is refused', async () => {
    for (const other of [
      nonce.slice(0, 31),
      Uint8Array.of(...nonce, 0),
      nonce.slice().reverse(),
      new Uint8Array(32),
    ]) {
      const report = await json.report({ nonce: other });
      expect(await refuse(json, report)).toEqual([ErrorCode.Freshness]);
      expect(await refuse(json, await json.report(), { nonce: other })).toEqual([
        ErrorCode.Freshness,
      ]);
    }
  });

  test('R43 the nonce of a report cannot be exchanged: the evidence is over another one', async () => {
    for (const scene of [json, cbor]) {
      const { report, serialization } = decodeReport(
        await scene.report({ nonce: new Uint8Array(32) }),
      );
      const bytes = encodeReport(
        { ...report, context: { ...report.context, nonce } },
        serialization,
      );
      const { result } = await scene.verify(bytes);
      expect(result.freshness.status).toBe('success');
      expect(await refuse(scene, bytes)).toContain(ErrorCode.VerifyMeasurement);
    }
  });

  test('R43 a report without a nonce is refused', async () => {
    for (const missing of [null, new Uint8Array()]) {
      const { report } = decodeReport(await json.report());
      const context = { ...report.context, nonce: missing };
      const bytes = encodeReport({ ...report, context }, 'json');
      expect(await refuse(json, bytes)).toContain(ErrorCode.Freshness);
    }
  });

  test('R08 a caller that has no nonce of 8 to 64 bytes is told so', async () => {
    const report = await json.report();
    for (const length of [0, 7, 65]) {
      const short = new Uint8Array(length);
      await expect(json.verify(report, { nonce: short })).rejects.toThrow(RangeError);
      await expect(generate({ measurers: [fakeSoftware()], nonce: short })).rejects.toThrow(
        RangeError,
      );
    }
    for (const length of [8, 64]) {
      const other = new Uint8Array(length);
      expect((await json.verify(await json.report({ nonce: other }), { nonce: other })).ok).toBe(
        true,
      );
    }
  });

  test('R08 two challenges differ in all their 32 bytes', () => {
    const challenges = Array.from({ length: 100 }, createNonce);
    expect(new Set(challenges.map(String)).size).toBe(100);
    for (const challenge of challenges) expect(challenge.length).toBe(32);
    for (let i = 0; i < 32; i++) {
      expect(new Set(challenges.map((challenge) => challenge[i])).size).toBeGreaterThan(50);
    }
  });
});

describe('the signature of a whole report', () => {
  test('is required where it is asked for', async () => {
    const codes = await refuse(json, await json.report(), { requireReportSignature: true });
    expect(codes).toEqual([ErrorCode.VerifyAR]);
  });

  test('R39 a signature that does not verify is a failure, required or not', async () => {
    for (const scene of [json, cbor]) {
      const { signer: stranger } = await createFakeCa({ commonName: 'Metadata Root' }).issue();
      const report = await scene.report({ signer: stranger });
      expect(await refuse(scene, report)).toEqual([ErrorCode.VerifyAR]);
    }
  });

  test('is verified with the roots for reports', async () => {
    const ca = createFakeCa({ notBefore: new Date('2026-01-01') });
    const { signer } = await ca.issue({
      notBefore: new Date('2026-01-01'),
      notAfter: new Date('2027-01-01'),
    });
    const reportRoots = [parseCertificate(ca.certificate)];
    const report = await cbor.report({ signer });
    expect((await cbor.verify(report, { reportRoots, requireReportSignature: true })).ok).toBe(
      true,
    );
    expect(await refuse(cbor, report)).toEqual([ErrorCode.VerifyAR]);
    const other = await cbor.report({ signer: cbor.signer });
    expect(await refuse(cbor, other, { reportRoots })).toEqual([ErrorCode.VerifyAR]);
  });

  test('R11 a signer of metadata signs no reports', async () => {
    const purposes = [
      ['codeSigning', false],
      ['clientAuth', true],
    ] as const;
    for (const [usage, accepted] of purposes) {
      const { signer } = await json.ca.issue({
        notBefore: new Date('2026-01-01'),
        notAfter: new Date('2027-01-01'),
        extendedKeyUsage: [usage],
      });
      const report = await json.report({ signer });
      expect((await json.verify(report, { requireReportSignature: true })).ok).toBe(accepted);
    }
  });

  test('signatures around signatures are refused', async () => {
    const once = await signReport(await json.report(), json.signer);
    const twice = await signPayload(once, [json.signer], 'json');
    expect(await refuse(json, twice)).toContain(ErrorCode.UnknownSerialization);
  });
});

describe('mistakes of the caller', () => {
  test('no metadata roots is a RangeError', async () => {
    const report = await json.report();
    await expect(verify(report, { nonce, metadataRoots: [] })).rejects.toThrow(RangeError);
  });

  test('a time that is none is a RangeError', async () => {
    const now = new Date(Number.NaN);
    await expect(json.verify(await json.report(), { now })).rejects.toThrow(RangeError);
  });

  test('an aborted verification rejects with the reason', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(json.verify(await json.report(), { signal })).rejects.toBe(reason);
  });
});
