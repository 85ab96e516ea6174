import { createFakeKeySync } from '@cmc/testkit';
import type { HashName } from 'tpm2-ts/verify';
import { describe, expect, test } from 'vitest';
import { decodeReport, encodeReport } from '../../src/codec/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import type { TpmClock } from '../../src/verify/index.ts';
import { nonce } from '../support/scene.ts';
import { BOOT, type FakeTpmOptions, tpmComponent, tpmReferences } from '../support/tpm.ts';
import {
  createTpmScene,
  failures,
  faults,
  signerNameLength,
  type TpmCase,
  tpmResultOf,
} from '../support/tpm-scene.ts';

const { scene, certificate, reportOf, run, accepted, refused } = await createTpmScene();

describe('R01, R02 what is no quote', () => {
  test.each<[string, Partial<FakeTpmOptions>]>([
    ['R01 refuses another magic', { attest: (bytes) => patched(bytes, 0, 0) }],
    ['R01 refuses a certification', { attest: (bytes) => patched(bytes, 5, 0x17) }],
    ['R01 refuses an unknown type', { attest: (bytes) => patched(bytes, 5, 0x77) }],
    ['R02 refuses trailing bytes', { attest: (bytes) => Uint8Array.of(...bytes, 0) }],
    ['R02 refuses nothing', { evidence: () => new Uint8Array() }],
    ['R02 refuses a signature with trailing bytes', { signature: (b) => Uint8Array.of(...b, 0) }],
    ['R02 refuses no signature', { signature: () => new Uint8Array() }],
  ])('%s', async (_, options) => {
    await refused(options);
  });

  test('R02 refuses every prefix of a quote and of its signature', async () => {
    for (let length = 0; length < 130; length += 7) {
      await refused({ evidence: (bytes) => bytes.subarray(0, Math.min(length, bytes.length - 1)) });
      await refused({
        signature: (bytes) => bytes.subarray(0, Math.min(length, bytes.length - 1)),
      });
    }
  });
});

describe('R03, R04 what is quoted', () => {
  test('R03 refuses a quote of no PCR', async () => {
    await refused({ quoted: [] });
  });

  test('R03 refuses a log of a PCR that is not quoted', async () => {
    await refused({ quoted: [0, 4, 10] });
  });

  test('R03 refuses a quoted PCR without a log', async () => {
    await refused({ artifacts: (all) => all.filter(({ index }) => index !== 11) });
    await refused({ quoted: [0, 4, 10, 11, 12] });
  });

  test('R03 refuses reference values of a PCR that is neither quoted nor reported', async () => {
    const extra = tpmComponent(7, { name: 'EV_SEPARATOR', data: 'x' });
    for (const optional of [false, true]) {
      const tpm = await refused({ references: [...tpmReferences(), { ...extra, optional }] });
      expect(tpm.artifacts).toContainEqual(
        expect.objectContaining({ type: 'TPM', index: 7, launched: false, success: optional }),
      );
    }
  });

  test('R04 takes the order from the quote, not from the logs', async () => {
    const verification = await run({ artifacts: (all) => all.toReversed() });
    expect(verification.ok).toBe(true);
    const indices = tpmResultOf(verification).tpmResult?.pcrMatch?.map(({ index }) => index);
    expect(indices).toEqual([0, 4, 10, 11]);
  });

  test('R04 refuses two logs of one PCR', async () => {
    await refused({ artifacts: (all) => [...all, ...all.slice(0, 1)] });
  });

  test('refuses a log of another kind', async () => {
    await refused({ artifacts: (all) => all.map((log) => ({ ...log, type: 'CC Eventlog' })) });
  });
});

describe('R05, R06 algorithms and lengths', () => {
  test.each(['SHA-1'] as const)('R05 refuses bank %s', async (bank: HashName) => {
    await refused({ bank });
  });

  test('R05 refuses a scheme that is not of the key, and a weak key', async () => {
    await refused({ signature: (bytes) => patched(bytes, 1, 0x14) });
    const weak = createFakeKeySync('weak-RSA1024');
    await refused({ key: weak, algorithm: 'RS256' });
  });

  test('R06 refuses a digest of another length, and none', async () => {
    for (const hashes of [
      [],
      [{ alg: 'SHA-1', content: new Uint8Array(20) }],
      [{ alg: 'SHA-256', content: new Uint8Array(20) }],
    ]) {
      await refused({
        artifacts: (all) =>
          all.map((log) =>
            log.index === 4
              ? { ...log, events: log.events?.map((event) => ({ ...event, hashes })) ?? [] }
              : log,
          ),
      });
    }
  });
});

describe('R07, R09 freshness', () => {
  test('R07 refuses another nonce, a prefix of it and a longer one', async () => {
    for (const nonce of [
      new Uint8Array(32),
      new Uint8Array(31).fill(1),
      new Uint8Array(),
      new Uint8Array(33),
    ]) {
      const tpm = await refused({ nonce });
      expect(tpm.freshness.status).toBe('fail');
    }
  });

  test('R09, R55 refuses a clock before the last one that was accepted', async () => {
    const clocks = new Map<string, TpmClock>();
    const tpmClocks = {
      lastSeen: (key: string) => clocks.get(key),
      remember: (key: string, clock: TpmClock) => void clocks.set(key, clock),
    };
    const at = (clock: bigint, resetCount: number, restartCount: number): TpmCase => ({
      clockInfo: { clock, resetCount, restartCount, safe: true },
      verify: { tpmClocks },
    });
    expect((await run(at(1000n, 5, 1))).ok).toBe(true);
    expect(clocks.size).toBe(1);
    for (const earlier of [at(999n, 5, 1), at(2000n, 4, 9), at(2000n, 5, 0)]) {
      expect((await refused(earlier)).summary.errorCodes).toContain(ErrorCode.Freshness);
    }
    expect((await run(at(1001n, 5, 1))).ok).toBe(true);
    expect((await run(at(1500n, 6, 0))).ok).toBe(true);
    // A report that is refused for another reason leaves no trace.
    await refused({ ...at(9000n, 9, 9), references: tpmReferences().slice(1) });
    expect([...clocks.values()]).toEqual([expect.objectContaining({ resetCount: 6 })]);
  });

  test('R09 refuses a clock that is not safe', async () => {
    await refused({ clockInfo: { clock: 1000n, resetCount: 5, restartCount: 1, safe: false } });
  });
});

describe('R08 challenges', () => {
  const other = nonce.toReversed();

  test('R08 a report answers the one challenge that it was made for', async () => {
    const report = await reportOf({ reportNonce: other });
    expect((await scene.verify(report, { nonce: other })).ok).toBe(true);
    const { ok, result } = await scene.verify(report);
    expect(ok).toBe(false);
    expect(result.freshness.status).toBe('fail');
  });

  test('R08 a quote for another challenge does not become fresh in a new report', async () => {
    const old = decodeReport(await reportOf({ reportNonce: other })).report;
    const { report } = decodeReport(await reportOf({}));
    const { ok, result } = await scene.verify(
      encodeReport({ ...report, evidences: old.evidences }, 'json'),
    );
    expect(ok).toBe(false);
    expect(result.freshness.status).toBe('success');
    expect(faults(tpmResultOf({ result }))).toEqual(['freshness']);
  });
});

describe('R22 counts and lengths', () => {
  const all: FakeTpmOptions['events'] = Object.fromEntries(
    Array.from({ length: 24 }, (_, pcr) => [pcr, [{ name: 'event', data: `of PCR ${pcr}` }]]),
  );

  test('R22 accepts all 24 PCRs, and refuses one log more', async () => {
    const tpm = await accepted({ events: all });
    expect(tpm.tpmResult?.pcrMatch).toHaveLength(24);
    const { summary } = await refused({
      events: all,
      artifacts: (logs) => [...logs, { type: 'PCR Eventlog', index: 24 }],
    });
    expect(summary.errorCodes).toEqual([ErrorCode.PcrNotSpecified]);
  });

  test('R22 accepts 16 certificates, and refuses 17', async () => {
    const copies = (count: number): Uint8Array[] => Array(count).fill(scene.ca.certificate);
    await accepted({ certs: [certificate, ...copies(15)] });
    const { summary } = await refused({ certs: [certificate, ...copies(16)] });
    expect(summary.errorCodes).toEqual([ErrorCode.ParseCert]);
  });

  test.each<[string, (attest: Uint8Array) => Uint8Array]>([
    ['a name of 65,535 bytes', (bytes) => withU16(bytes, 6, 0xffff)],
    ['a nonce of 65,535 bytes', (bytes) => withU16(bytes, 8 + signerNameLength(bytes), 0xffff)],
    [
      'a count of over four billion selections',
      (bytes) => withU16(bytes, selectionAt(bytes), 0xffff),
    ],
    ['17 selections', (bytes) => bytes.with(selectionAt(bytes) + 3, 17)],
    ['a selection of 255 bytes', (bytes) => bytes.with(selectionAt(bytes) + 6, 255)],
  ])('R22 refuses a quote that has %s and signs them', async (_, attest) => {
    const { summary, signature } = await refused({ attest });
    expect(summary.errorCodes).toEqual([ErrorCode.ParseEvidence]);
    expect(signature.signatureVerification.status).not.toBe('success');
  });
});

describe('R53 user data is bound to the state of the machine', () => {
  const evil = { name: 'evil', data: '/tmp/evil' };
  const compromised = { ...BOOT, 10: [...(BOOT[10] ?? []), evil] };
  const references = tpmReferences(BOOT);

  test('R53 a quote for this user data with the log of a better state is refused', async () => {
    const tpm = await refused({
      events: compromised,
      references,
      artifacts: (all) =>
        all.map((log) =>
          log.index === 10 ? { ...log, events: log.events?.slice(0, -1) ?? [] } : log,
        ),
    });
    expect(tpm.freshness.status).toBe('success');
    expect(failures(tpm)).toEqual([]);
    expect(tpm.tpmResult?.aggPcrQuoteMatch?.status).toBe('fail');
  });

  test('R53 a quote of the good state for other user data is refused', async () => {
    const tpm = await refused({ references, nonce: new Uint8Array(32).fill(7) });
    expect(tpm.tpmResult?.aggPcrQuoteMatch).toEqual({ status: 'success' });
    expect(tpm.freshness.status).toBe('fail');
  });
});

function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = new Uint8Array(bytes);
  changed[at] = value;
  return changed;
}

/** Where the PCR selection begins, behind the name, the nonce of 32 bytes, the clock and the version. */
function selectionAt(attest: Uint8Array): number {
  return 8 + signerNameLength(attest) + 2 + 32 + 17 + 8;
}

function withU16(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice();
  changed.set([value >> 8, value & 0xff], at);
  return changed;
}
