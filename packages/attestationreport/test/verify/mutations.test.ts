import { flipEachByte, prefixes } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeReport, encodeReport } from '../../src/codec/index.ts';
import type { Serialization } from '../../src/types/serialization.ts';
import {
  createScene,
  digestOf,
  imageDescription,
  manifestOf,
  type Scene,
} from '../support/scene.ts';
import { containerReference } from '../support/software.ts';

// The lowest bit, and the bit that changes the case of letters.
const MASKS = [0x01, 0x20];
const SLOW = { timeout: 120_000 };

describe.each<Serialization>(['json', 'cbor'])('an accepted report in %s', (serialization) => {
  let scene: Scene;
  let report: Uint8Array;
  let signed: Uint8Array;
  beforeAll(async () => {
    scene = await createScene(serialization);
    const metadata = await Promise.all(
      [imageDescription(['rtm']), manifestOf('rtm', 'rtm', [containerReference()])].map((item) =>
        scene.sign(item),
      ),
    );
    report = await scene.report({ metadata });
    signed = await scene.report({ metadata, signer: scene.signer });
    expect((await scene.verify(report)).ok).toBe(true);
    expect((await scene.verify(signed, { requireReportSignature: true })).ok).toBe(true);
  });

  test(
    'R39 is refused, never a crash, with any byte changed but those of its name',
    SLOW,
    async () => {
      const { name: _, ...covered } = decodeReport(report).report;
      for (const mask of MASKS) {
        for (const { offset, bytes } of flipEachByte(report, mask)) {
          const { ok, result } = await scene.verify(bytes);
          expect(result.summary.status).toBe(ok ? 'success' : 'fail');
          if (!ok) continue;
          // The name is for display and outside of what the evidence commits to.
          const { name, ...rest } = decodeReport(bytes).report;
          expect(name, `byte ${offset}`).not.toBe('host.test');
          expect(rest, `byte ${offset}`).toEqual(covered);
        }
      }
    },
  );

  test('R39 is refused with any byte changed when it is signed as a whole', SLOW, async () => {
    for (const { offset, bytes } of flipEachByte(signed)) {
      const { ok } = await scene.verify(bytes, { requireReportSignature: true });
      expect(ok, `byte ${offset}`).toBe(false);
    }
  });

  test('R39 is refused, never a crash, when it is cut off anywhere', SLOW, async () => {
    for (const prefix of prefixes(report)) expect((await scene.verify(prefix)).ok).toBe(false);
    for (const prefix of prefixes(signed)) expect((await scene.verify(prefix)).ok).toBe(false);
  });

  test('R39 is refused with any byte of its metadata changed', SLOW, async () => {
    const { report: decoded } = decodeReport(report);
    const { context } = decoded;
    for (const [digest, item] of context.metadata ?? []) {
      for (const { offset, bytes } of flipEachByte(item)) {
        // Listed under the digest it has now, so that its signature is what must stop it.
        const metadata = new Map(context.metadata).set(digestOf(bytes), bytes);
        metadata.delete(digest);
        const digests = [...metadata.keys()].sort();
        const changed = { ...decoded, context: { ...context, digests, metadata } };
        const { ok, metadata: verified } = await scene.verify(encodeReport(changed, serialization));
        expect(ok, `byte ${offset}`).toBe(false);
        expect(verified.has(digestOf(bytes)), `byte ${offset}`).toBe(false);
      }
    }
  });
});
