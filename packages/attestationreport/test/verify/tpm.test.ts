import { concatBytes, equalBytes } from '@cmc/bytes';
import { createFakeKeySync, type FakeKey, flipEachByte, type IssueOptions } from '@cmc/testkit';
import type { HashName } from 'tpm2-ts/verify';
import { beforeAll, describe, expect, test } from 'vitest';
import { digest } from '../../src/crypto/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Component } from '../../src/types/report.ts';
import type { DigestResult, MeasurementResult } from '../../src/types/result.ts';
import type { TpmClock, Verification, VerifyOptions } from '../../src/verify/index.ts';
import { createScene, type Scene } from '../support/scene.ts';
import {
  BOOT,
  digestOfEvent,
  type FakeEvent,
  type FakeTpmOptions,
  fakeTpm,
  tpmComponent,
  tpmMetadata,
  tpmReferences,
} from '../support/tpm.ts';

const VALID = {
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};
/** What a provisioning server issues for attestation keys. */
const ATTESTATION_KEY: IssueOptions = {
  commonName: 'host TPM AK',
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['2.23.133.8.3'],
  ...VALID,
};
const keys: Record<string, FakeKey> = {};
let scene: Scene;
beforeAll(async () => {
  scene = await createScene();
  for (const kind of ['EC256', 'EC384', 'RSA2048'] as const) keys[kind] = createFakeKeySync(kind);
});

interface Case extends Partial<FakeTpmOptions> {
  readonly keyKind?: 'EC256' | 'EC384' | 'RSA2048';
  readonly certificate?: IssueOptions;
  readonly references?: readonly Component[];
  readonly verify?: Partial<VerifyOptions>;
}

async function run(options: Case = {}): Promise<Verification> {
  const { keyKind = 'EC256', certificate = ATTESTATION_KEY, references, verify, ...tpm } = options;
  const key = options.key ?? keys[keyKind] ?? createFakeKeySync(keyKind);
  const issued = await scene.ca.issue({ ...certificate, key });
  const report = await scene.report({
    measurers: [fakeTpm({ key, certs: [issued.certificate], ...tpm })],
    metadata: tpmMetadata(references ?? tpmReferences(tpm.events, tpm.bank)),
  });
  return await scene.verify(report, verify);
}

function tpmOf({ result }: Verification): MeasurementResult {
  const measurement = result.measurements?.find(({ type }) => type === 'TPM Result');
  if (measurement === undefined) throw new Error('no TPM result');
  return measurement;
}

async function refused(options: Case): Promise<MeasurementResult> {
  const verification = await run(options);
  expect(verification.ok).toBe(false);
  const tpm = tpmOf(verification);
  expect(tpm.summary.status).toBe('fail');
  return tpm;
}

function unknownEvents({ artifacts = [] }: MeasurementResult): readonly DigestResult[] {
  return (artifacts ?? []).filter(({ success }) => !success);
}

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
    const tpm = tpmOf(verification);
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
    expect(unknownEvents(tpm)).toEqual([
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
    expect(tpmOf(verification).artifacts?.find(({ index }) => index === 10)).toMatchObject({
      name: 'systemd: init',
      version: '252',
    });
  });
});

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
    const indices = tpmOf(verification).tpmResult?.pcrMatch?.map(({ index }) => index);
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
    const at = (clock: bigint, resetCount: number, restartCount: number): Case => ({
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
    expect(unknownEvents(tpm)).toEqual([]);
    expect(tpm.tpmResult?.aggPcrQuoteMatch?.status).toBe('fail');
  });

  test('R53 a quote of the good state for other user data is refused', async () => {
    const tpm = await refused({ references, nonce: new Uint8Array(32).fill(7) });
    expect(tpm.tpmResult?.aggPcrQuoteMatch).toEqual({ status: 'success' });
    expect(tpm.freshness.status).toBe('fail');
  });
});

describe('R11 the certificate of the attestation key', () => {
  test.each<[string, Partial<Record<keyof IssueOptions, unknown>>]>([
    ['TLS', { extendedKeyUsage: ['serverAuth', 'clientAuth'] }],
    ['TLS and attestation', { extendedKeyUsage: ['clientAuth', '2.23.133.8.3'] }],
    ['signing of metadata', { extendedKeyUsage: ['codeSigning'] }],
    ['a host', { extendedKeyUsage: undefined, dnsNames: ['host.example'] }],
    [
      'signing of documents',
      {
        extendedKeyUsage: undefined,
        keyUsage: ['digitalSignature', 'contentCommitment'],
      },
    ],
    ['an authority', { isCa: true, extendedKeyUsage: undefined }],
  ])('R11 refuses a certificate for %s', async (_, change) => {
    const { certificate } = { certificate: { ...ATTESTATION_KEY, ...change } };
    const tpm = await refused({ certificate: withoutUndefined(certificate) });
    expect(tpm.signature.certChainValidation.errorCodes).toEqual([ErrorCode.VerifyCertChain]);
    expect(tpm.signature.signatureVerification.status).toBe('success');
  });

  test('R11 accepts one that only signs, and says nothing more', async () => {
    const { extendedKeyUsage: _, ...certificate } = ATTESTATION_KEY;
    expect((await run({ certificate })).ok).toBe(true);
  });

  test('R11 accepts one for TLS only when that is asked for', async () => {
    const certificate: IssueOptions = {
      ...ATTESTATION_KEY,
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
    };
    expect((await run({ certificate, verify: { tpmAllowTlsKeys: true } })).ok).toBe(true);
  });

  test('refuses a certificate of another authority, one that has expired, and none', async () => {
    const stranger = await createScene();
    const key = keys['EC256'] as FakeKey;
    const { certificate } = await stranger.ca.issue({ ...ATTESTATION_KEY, key });
    await refused({ certs: [certificate] });
    await refused({ certs: [] });
    await refused({ certificate: { ...ATTESTATION_KEY, notAfter: new Date('2026-05-31') } });
    await refused({ certs: [Uint8Array.of(0x30, 0)] });
  });
});

describe('R12, R17 where PCRs start', () => {
  const start = (value: Uint8Array, index: number, position = 0): Case => ({
    artifacts: (all) =>
      all.map((log) => {
        if (log.index !== index) return log;
        const events = (log.events ?? []).filter(({ name }) => name !== 'TPM_PCR_INIT_VALUE');
        const init = tpmComponent(
          index,
          { name: 'TPM_PCR_INIT_VALUE', data: '' },
          {
            hashes: [{ alg: 'SHA-256', content: value }],
          },
        );
        return { ...log, events: events.toSpliced(position, 0, init) };
      }),
  });
  const locality = (last: number): Uint8Array => {
    const value = new Uint8Array(32);
    value[31] = last;
    return value;
  };

  test('R12 accepts PCR 0 from localities 0, 3 and 4', async () => {
    for (const each of [0, 3, 4]) expect((await run({ locality: each })).ok).toBe(true);
  });

  test('R12 refuses other start values, also when they would give the quote', async () => {
    for (const each of [1, 2, 5, 255]) await refused({ locality: each });
  });

  test('R12 refuses a start value behind an event, and one of another PCR', async () => {
    await refused(start(locality(0), 0, 1));
    await refused(start(locality(3), 4));
    expect((await run(start(locality(0), 4))).ok).toBe(true);
  });

  test('R17 starts PCR 17 to 22 with all bits set, whatever the log says', async () => {
    const events = { ...BOOT, 17: [{ name: 'DRTM', data: 'launch' }] };
    expect((await run({ events })).ok).toBe(true);
    const zeros = await refused({ events, ...start(new Uint8Array(32), 17) });
    expect(zeros.summary.errorCodes).toContain(ErrorCode.PcrNotSpecified);
  });
});

describe('R13, R15, R16 reference values', () => {
  test('R13 the name of an event does not count, its digest does', async () => {
    const renamed = { name: 'EV_EFI_BOOT_SERVICES_APPLICATION', data: 'other loader' };
    const tpm = await refused({ events: { ...BOOT, 4: [renamed] }, references: tpmReferences() });
    expect(unknownEvents(tpm).map(({ type }) => type)).toEqual(['Measurement', 'TPM']);
  });

  test('R13 an event says which PCR it is of, and must be there', async () => {
    await refused({
      artifacts: (all) =>
        all.map((log) => (log.index === 4 ? { ...log, events: moved(log.events ?? []) } : log)),
    });
  });

  test('R15 refuses a boot that lacks a mandatory event, and accepts one that lacks an optional', async () => {
    const extra = tpmComponent(4, { name: 'EV_SEPARATOR', data: 'separator 4' });
    const tpm = await refused({ references: [...tpmReferences(), extra] });
    expect(unknownEvents(tpm)).toEqual([
      expect.objectContaining({ type: 'TPM', name: 'EV_SEPARATOR', index: 4, launched: false }),
    ]);
    const optional = { ...extra, optional: true };
    expect((await run({ references: [...tpmReferences(), optional] })).ok).toBe(true);
    // A manifest that makes it optional takes nothing from one that demands it.
    for (const both of [
      [extra, optional],
      [optional, extra],
    ]) {
      await refused({ references: [...tpmReferences(), ...both] });
    }
  });

  test('R15 refuses an event more often than it stands in the manifests', async () => {
    const twice = (list: readonly FakeEvent[] = []): readonly FakeEvent[] => [...list, ...list];
    const events = { ...BOOT, 4: twice(BOOT[4]) };
    const tpm = await refused({ events, references: tpmReferences(BOOT) });
    expect(unknownEvents(tpm)).toHaveLength(1);
    expect((await run({ events, references: tpmReferences(events) })).ok).toBe(true);
    const optional = tpmReferences(BOOT).map((each) => ({ ...each, optional: true }));
    expect((await run({ events, references: optional })).ok).toBe(true);
  });

  test('R15 refuses a digest that is known in another PCR', async () => {
    const events = { ...BOOT, 4: [], 11: BOOT[4] ?? [] };
    await refused({ events, references: tpmReferences(BOOT) });
  });

  test('R16 refuses a report in which no event has a reference', async () => {
    const tpm = await refused({ events: { 11: [] }, references: [] });
    expect(tpm.summary.errorCodes).toContain(ErrorCode.RefValNotPresent);
    const optional = tpmReferences().map((each) => ({ ...each, optional: true }));
    await refused({ events: { 0: [], 4: [], 10: [] }, references: optional });
  });

  test('R16 refuses a reference without a PCR, or without a digest of the bank', async () => {
    const [first, ...others] = tpmReferences();
    const odd = [
      { ...(first as Component), properties: [{ name: 'cmc.ta', value: 'TPM' }] },
      { ...(first as Component), hashes: [{ alg: 'SHA-384', content: new Uint8Array(48) }] },
      tpmComponent(24, { name: 'x', data: 'x' }),
    ];
    for (const each of odd) {
      const tpm = await refused({ references: [...others, each] });
      expect(tpm.summary.errorCodes).toContain(ErrorCode.RefValType);
    }
  });
});

describe('a summary of PCRs', () => {
  const summarized: Case = {
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
    const key = keys['EC256'] as FakeKey;
    const { certificate } = await scene.ca.issue({ ...ATTESTATION_KEY, key });
    for (const { bytes } of flipEachByte(certificate)) await refused({ certs: [bytes] });
  }, 60_000);
});

function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = new Uint8Array(bytes);
  changed[at] = value;
  return changed;
}

function moved(events: readonly Component[]): readonly Component[] {
  return events.map((event) => ({
    ...event,
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: '7' },
    ],
  }));
}

function withoutUndefined(options: object): IssueOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as IssueOptions;
}

/** What the events of a PCR come to. */
function pcrValue(index: number): Uint8Array {
  return (BOOT[index] ?? []).reduce<Uint8Array>(
    (value, event) => digest('SHA-256', concatBytes(value, digestOfEvent(event))),
    new Uint8Array(32),
  );
}
