import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteWriter, concatBytes, encodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { createFakeCa, createFakeKeySync, type IssueOptions, vectorsDir } from '@cmc/testkit';
import type { HashName } from 'tpm2-ts/verify';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeReport, encodeReport } from '../../src/codec/index.ts';
import { digest } from '../../src/crypto/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Artifact, Component } from '../../src/types/report.ts';
import type { DigestResult, MeasurementResult } from '../../src/types/result.ts';
import { tpmVerifier } from '../../src/verify/evidence/tpm-verifier.ts';
import type { Verification, VerifyOptions } from '../../src/verify/index.ts';
import { type Certificate, parsePemCertificates } from '../../src/x509/index.ts';
import { clock, createScene, nonce, type Scene } from '../support/scene.ts';
import {
  BOOT,
  digestOfEvent,
  type FakeEvent,
  type FakeTpmOptions,
  fakeTpm,
  recordedTpm,
  signQuote,
  tpmComponent,
  tpmMetadata,
  tpmReferences,
} from '../support/tpm.ts';

const ATTESTATION_KEY: IssueOptions = {
  commonName: 'host TPM AK',
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['2.23.133.8.3'],
  notBefore: new Date('2022-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};
const key = createFakeKeySync('EC256');
let scene: Scene;
let certificate: Uint8Array;
beforeAll(async () => {
  scene = await createScene();
  ({ certificate } = await scene.ca.issue({ ...ATTESTATION_KEY, key }));
});

type Events = Readonly<Record<number, readonly FakeEvent[]>>;

interface Case extends Partial<FakeTpmOptions> {
  readonly references?: readonly Component[];
  readonly verify?: Partial<VerifyOptions>;
  /** Nonce of the report. */
  readonly reportNonce?: Uint8Array;
}

async function reportOf({ references, reportNonce = nonce, ...tpm }: Case): Promise<Uint8Array> {
  return await scene.report({
    measurers: [fakeTpm({ key, certs: [certificate], ...tpm })],
    metadata: tpmMetadata(references ?? tpmReferences(tpm.events)),
    nonce: reportNonce,
  });
}

async function run({ verify, ...options }: Case): Promise<Verification> {
  return await scene.verify(await reportOf(options), verify);
}

async function accepted(options: Case): Promise<MeasurementResult> {
  const { ok, result } = await run(options);
  expect(result.summary).toEqual({ status: 'success' });
  expect(ok).toBe(true);
  return tpmOf(result);
}

async function refused(options: Case): Promise<MeasurementResult> {
  const { ok, result } = await run(options);
  expect(ok).toBe(false);
  const tpm = tpmOf(result);
  expect(tpm.summary.status).toBe('fail');
  return tpm;
}

function tpmOf({ measurements }: Verification['result']): MeasurementResult {
  const tpm = measurements?.find(({ type }) => type === 'TPM Result');
  if (tpm === undefined) throw new Error('no TPM result');
  return tpm;
}

function failures({ artifacts }: MeasurementResult): readonly DigestResult[] {
  return (artifacts ?? []).filter(({ success }) => !success);
}

/** What of the evidence failed, apart from reference values. */
function faults({ freshness, signature, tpmResult }: MeasurementResult): readonly string[] {
  const parts = {
    freshness,
    signature: signature.signatureVerification,
    chain: signature.certChainValidation,
    pcrs: tpmResult?.aggPcrQuoteMatch,
  };
  return Object.entries(parts).flatMap(([name, part]) => (part?.status === 'success' ? [] : name));
}

const optional = (components: readonly Component[]): Component[] =>
  components.map((component) => ({ ...component, optional: true }));

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
    expect(faults(tpmOf(result))).toEqual(['freshness']);
  });
});

describe('R10 keys that anyone can have sign a quote', () => {
  test('R10 a key that is certified by itself is no attestation key', async () => {
    const self = createFakeCa({ ...ATTESTATION_KEY, isCa: false, key });
    const tpm = await refused({ certs: [self.certificate] });
    expect(faults(tpm)).toEqual(['chain']);
    expect(faults(await accepted({}))).toEqual([]);
  });

  test('R10 the certificate of an attestation key does not vouch for another key', async () => {
    const tpm = await refused({ key: createFakeKeySync('EC256') });
    expect(faults(tpm)).toEqual(['signature']);
  });
});

describe('R14 variables of Secure Boot', () => {
  const variable = (name: string, value: string): FakeEvent => ({
    name: 'EV_EFI_VARIABLE_DRIVER_CONFIG',
    data: `${name}=${value}`,
  });
  const separator = (data: Uint8Array): FakeEvent => ({
    name: 'EV_SEPARATOR',
    data: `separator ${toHex(data)}`,
    extended: digest('SHA-256', data),
  });
  const boot = [
    ...['SecureBoot', 'PK', 'KEK', 'db', 'dbx'].map((name) => variable(name, 'good')),
    separator(new Uint8Array(4)),
  ];
  const references = tpmReferences({ 7: boot });
  const measured = (events: readonly FakeEvent[]): Case => ({ events: { 7: events }, references });

  test('R14 each once and one separator is accepted', async () => {
    expect((await accepted(measured(boot))).artifacts).toHaveLength(6);
  });

  test.each(boot.map(({ data }, position) => [data, position] as const))(
    'R14 %s (event %i) is refused twice, and missing',
    async (_, position) => {
      const event = boot[position] as FakeEvent;
      const named = { name: event.name, digest: digestOfEvent(event), index: 7 };
      const twice = await refused(measured(boot.toSpliced(position, 0, event)));
      expect(failures(twice)).toEqual([expect.objectContaining({ ...named, launched: true })]);
      const missing = await refused(measured(boot.toSpliced(position, 1)));
      expect(failures(missing)).toEqual([expect.objectContaining({ ...named, launched: false })]);
      for (const tpm of [twice, missing]) expect(faults(tpm)).toEqual([]);
    },
  );

  test('R14 another value of a variable, and the separator of an error, are refused', async () => {
    for (const [position, event] of [
      [0, variable('SecureBoot', 'off')],
      [5, separator(Uint8Array.of(0, 0, 0, 1))],
    ] as const) {
      const tpm = await refused(measured(boot.with(position, event)));
      expect(failures(tpm).map(({ type, digest }) => [type, digest])).toEqual([
        ['Measurement', digestOfEvent(event)],
        ['TPM', digestOfEvent(boot[position] as FakeEvent)],
      ]);
    }
  });

  test('R14 the separator of another PCR is none of this one', async () => {
    const zeros = separator(new Uint8Array(4));
    const events = { 6: [zeros, zeros], 7: boot.slice(0, -1) };
    const tpm = await refused({ events, references: tpmReferences({ 6: [zeros], 7: boot }) });
    expect(failures(tpm).map(({ index, launched }) => [index, launched])).toEqual([
      [6, true],
      [7, false],
    ]);
  });
});

describe('R18 to R21 files that IMA measured', () => {
  const file = (path: string, fileDigest: Uint8Array): FakeEvent => ({
    name: path,
    data: path,
    extended: digest('SHA-256', imaNgData(fileDigest, path)),
  });
  const violation = (path: string): FakeEvent => ({
    name: path,
    data: path,
    extended: new Uint8Array(32).fill(0xff),
  });
  // The second is the first and what was measured after it.
  const [files = [], moreFiles = []] = [1, 2].map((n) =>
    vectorJson<readonly ImaFile[]>('vm-ovmf', `ima-${n}.json`),
  );
  const [list, longList] = [files, moreFiles].map((all) =>
    all.map((each) =>
      each.violation === true ? violation(each.name) : file(each.name, fromHex(each.digest)),
    ),
  ) as [FakeEvent[], FakeEvent[]];
  const pcr10 = (n: number): string | undefined =>
    vectorJson<Pcrs>('vm-ovmf', `pcrs-${n}.json`)['sha256']?.['10'];
  const withFiles = (measured: readonly FakeEvent[]): Events => ({ ...BOOT, 10: measured });
  const references = [
    ...tpmReferences({ ...BOOT, 10: [] }),
    ...optional(tpmReferences({ 10: list })),
  ];
  const known = fromHex(files.find(({ name }) => name === '/bin/busybox')?.digest ?? '');

  test('a genuine list whose files are all known is accepted, and gives the PCR of its machine', async () => {
    const tpm = await accepted({ events: withFiles(list), references });
    expect(tpm.artifacts?.filter(({ index }) => index === 10)).toHaveLength(list.length);
    const pcr = tpm.tpmResult?.pcrMatch?.find(({ index }) => index === 10);
    expect(toHex(pcr?.digest ?? new Uint8Array())).toBe(pcr10(1));
  });

  test('R18 a genuine list with a violation is refused, and the violation named', async () => {
    const learned = longList.filter((_, position) => moreFiles[position]?.violation !== true);
    expect(learned).toHaveLength(longList.length - 1);
    const allFiles = [...tpmReferences(withFiles([])), ...optional(tpmReferences({ 10: learned }))];
    const tpm = await refused({ events: withFiles(longList), references: allFiles });
    expect(failures(tpm)).toEqual([
      expect.objectContaining({
        name: '/data/busy.log',
        index: 10,
        digest: new Uint8Array(32).fill(0xff),
      }),
    ]);
    expect(faults(tpm)).toEqual([]);
    const pcr = tpm.tpmResult?.pcrMatch?.find(({ index }) => index === 10);
    expect(pcr?.measured).toBe(pcr10(2));
    await accepted({ events: withFiles(learned), references: allFiles });
  });

  test('R18 a violation is refused though its file is known', async () => {
    const events = withFiles([...list, violation('/bin/busybox')]);
    const tpm = await refused({ events, references });
    expect(failures(tpm)).toEqual([expect.objectContaining({ name: '/bin/busybox', index: 10 })]);
    expect(faults(tpm)).toEqual([]);
  });

  test('R18 a violation is refused though a manifest lists what it extends', async () => {
    const what = tpmComponent(10, violation('/bin/busybox'));
    const tpm = await refused({
      events: withFiles([...list, violation('/bin/busybox')]),
      references: [...references, ...optional([what])],
    });
    expect(failures(tpm)).toEqual([expect.objectContaining({ name: '/bin/busybox', index: 10 })]);
    expect(tpm.summary.errorCodes).toContain(ErrorCode.RefValType);
    const withoutIt = await refused({
      events: withFiles(list),
      references: [...references, ...optional([what])],
    });
    expect(withoutIt.summary.errorCodes).toContain(ErrorCode.RefValType);
  });

  test.each([
    ['zeros, as in the list of the kernel', new Uint8Array(32)],
    ['the digest of its entry', digestOfEvent(file('/bin/busybox', known))],
  ])('R18 a violation that is reported as %s is not what the TPM has', async (_, extended) => {
    const tpm = await refused({
      events: withFiles([...list, violation('/bin/busybox')]),
      references: [
        ...references,
        ...optional([tpmComponent(10, { name: 'busybox', data: '', extended })]),
      ],
      artifacts: replaceLast(10, (event) => ({
        ...event,
        hashes: [{ alg: 'SHA-256', content: extended }],
      })),
    });
    expect(faults(tpm)).toEqual(['pcrs']);
    expect(failures(tpm)).toEqual([]);
  });

  test('R18 a digest of SHA-1, as lists have it, is refused in a bank of SHA-256', async () => {
    const tpm = await refused({
      events: withFiles(list),
      references,
      artifacts: replaceLast(10, (event) => ({
        ...event,
        hashes: [{ alg: 'SHA-256', content: new Uint8Array(20).fill(1) }],
      })),
    });
    expect(tpm.summary.errorCodes).toContain(ErrorCode.PcrNotSpecified);
  });

  const moved = file('/tmp/busybox', known);

  test('R19 a known file under another path is refused and named, until a manifest has it', async () => {
    const events = withFiles([...list, moved]);
    const tpm = await refused({ events, references });
    expect(failures(tpm)).toEqual([
      expect.objectContaining({
        type: 'Measurement',
        name: '/tmp/busybox',
        index: 10,
        digest: digestOfEvent(moved),
      }),
    ]);
    expect(faults(tpm)).toEqual([]);
    const rule = optional([tpmComponent(10, moved)]);
    await accepted({ events, references: [...references, ...rule] });
  });

  test('R19 a known file under another path is refused under a name that is known, too', async () => {
    const tpm = await refused({
      events: withFiles([...list, { ...moved, name: '/bin/busybox' }]),
      references,
    });
    expect(failures(tpm).map(({ digest }) => digest)).toEqual([digestOfEvent(moved)]);
  });

  test('R19 a name that is not of the reference is shown behind the name of the reference', async () => {
    const original = file('/bin/busybox', known);
    const tpm = await accepted({
      events: withFiles([...list, { ...original, name: '/bin/login' }]),
      references,
    });
    expect(tpm.artifacts?.filter(({ name }) => name?.includes('login'))).toEqual([
      expect.objectContaining({
        name: '/bin/busybox: /bin/login',
        digest: digestOfEvent(original),
      }),
    ]);
  });

  test('R19 an unknown file under a known path is refused', async () => {
    const evil = file('/bin/busybox', digestOfEvent({ name: '', data: 'evil' }));
    const tpm = await refused({ events: withFiles([...list, evil]), references });
    expect(failures(tpm).map(({ digest }) => digest)).toEqual([digestOfEvent(evil)]);
  });

  test('R20 a list that ends before the quote, or goes on behind it, is refused', async () => {
    const whole = withFiles(list);
    const shorter = await refused({
      events: whole,
      references,
      artifacts: (all) =>
        all.map((log) =>
          log.index === 10 ? { ...log, events: (log.events ?? []).slice(0, -1) } : log,
        ),
    });
    const longer = await refused({
      events: withFiles(list.slice(0, -1)),
      references,
      artifacts: (all) =>
        all.map((log) =>
          log.index === 10
            ? {
                ...log,
                events: [...(log.events ?? []), tpmComponent(10, list.at(-1) as FakeEvent)],
              }
            : log,
        ),
    });
    for (const tpm of [shorter, longer]) {
      expect(faults(tpm)).toEqual(['pcrs']);
      expect(failures(tpm)).toEqual([]);
    }
    await accepted({ events: withFiles(list.slice(0, -1)), references });
  });

  test('R21 a boot_aggregate that is of no boot in the manifests is refused', async () => {
    expect(list[0]?.name).toBe('boot_aggregate');
    const other = file('boot_aggregate', new Uint8Array(32).fill(9));
    const tpm = await refused({ events: withFiles(list.with(0, other)), references });
    expect(failures(tpm)).toEqual([
      expect.objectContaining({ name: 'boot_aggregate', digest: digestOfEvent(other) }),
    ]);
    // What the prover calls it is not looked into any further.
    expect(tpm.summary).toEqual({ status: 'fail' });
  });
});

describe('R22 counts and lengths', () => {
  const all: Events = Object.fromEntries(
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
    ['a nonce of 65,535 bytes', (bytes) => withU16(bytes, 8 + nameLength(bytes), 0xffff)],
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

function nameLength(attest: Uint8Array): number {
  return new DataView(attest.buffer, attest.byteOffset).getUint16(6);
}

/** Where the PCR selection begins, behind the name, the nonce of 32 bytes, the clock and the version. */
function selectionAt(attest: Uint8Array): number {
  return 8 + nameLength(attest) + 2 + 32 + 17 + 8;
}

function withU16(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice();
  changed.set([value >> 8, value & 0xff], at);
  return changed;
}

function replaceLast(
  pcr: number,
  change: (event: Component) => Component,
): (artifacts: readonly Artifact[]) => readonly Artifact[] {
  return (artifacts) =>
    artifacts.map((log) => {
      const { index, events = [] } = log;
      const last = events.at(-1);
      if (index !== pcr || last === undefined) return log;
      return { ...log, events: events.with(-1, change(last)) };
    });
}

/** Template data of an `ima-ng` entry: the digest of a file, and its path. */
function imaNgData(fileDigest: Uint8Array, path: string): Uint8Array {
  const writer = new ByteWriter('little');
  for (const field of [concatBytes(encodeUtf8('sha256:\0'), fileDigest), encodeUtf8(`${path}\0`)]) {
    writer.u32(field.length).bytes(field);
  }
  return writer.finish();
}

interface ImaFile {
  readonly name: string;
  readonly digest: string;
  readonly violation?: boolean;
}

type Pcrs = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface QuoteCase {
  readonly id: string;
  readonly file: string;
  readonly files: Readonly<Record<string, string>>;
  readonly expected: {
    readonly verdict: 'accept' | 'reject';
    readonly nonce: string;
    readonly signature: 'valid' | 'invalid';
    readonly pcrDigestMatchesPcrs?: boolean;
    readonly akCertChain?: 'valid' | 'invalid';
    readonly rejectReason?: string;
  };
  readonly facts: {
    readonly attest: {
      readonly extraData: string;
      readonly pcrSelection?: Readonly<Record<string, readonly number[]>>;
    };
  };
}

function vector(...path: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(vectorsDir(), ...path)));
}

function vectorJson<T>(...path: readonly string[]): T {
  return JSON.parse(readFileSync(join(vectorsDir(), ...path), 'utf8')) as T;
}

const { entries } = vectorJson<{ readonly entries: readonly QuoteCase[] }>(
  'tpm-quote',
  'index.json',
);
const BANKS: Readonly<Record<string, HashName>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
};
/** What the evidence fails by, for each reason of the index. */
const FAULTS: Readonly<Record<string, readonly string[]>> = {
  'signature invalid': ['signature'],
  'extraData differs from the nonce': ['freshness'],
  'extraData is longer than the nonce; prefixes must not match': ['freshness'],
  'PCR digest does not match': ['pcrs'],
  'AK certificate does not chain to the CA': ['chain'],
};
/** Quotes that are good as such, and refused as evidence: the code, and why. */
const STRICTER: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  'gce-cos85-nonce9009-sha1': [ErrorCode.UnsupportedAlgorithm, 'R05: SHA-1'],
  'ecdsa-p256-parsec': [ErrorCode.PcrNotSpecified, 'R03: no value of a PCR is published'],
};

describe.each(entries)('the quote $id', ({ id, file, files, expected, facts }) => {
  const attest = vector('tpm-quote', file);
  const signature = vector('tpm-quote', files['signature'] as string);
  const [[bankName, values] = ['sha256', {}]] = Object.entries(
    files['pcrs'] === undefined ? {} : vectorJson<Pcrs>('tpm-quote', files['pcrs']),
  );
  const bank = BANKS[bankName] as HashName;
  const references = Object.entries(values).map(([pcr, hex]) =>
    tpmComponent(Number(pcr), { name: 'PCR Summary', data: '', extended: fromHex(hex) }, {}, bank),
  );
  const artifacts = Object.entries(values).map(
    ([pcr], position): Artifact => ({
      type: 'PCR Summary',
      index: Number(pcr),
      events: [references[position] as Component],
    }),
  );
  // The certificates of the index are of its time, those that are made here of the scene's.
  const now = files['akCert'] === undefined ? clock.now() : new Date('2022-11-07T23:59:59Z');
  const isQuote = facts.attest.pcrSelection !== undefined;
  const stricter = STRICTER[id];
  let certs: readonly Uint8Array[];
  let roots: readonly Certificate[];
  beforeAll(async () => {
    if (files['akCert'] === undefined) {
      const publicKey = createPublicKey(Buffer.from(vector('tpm-quote', files['ak'] as string)));
      const made = await scene.ca.issue({ ...ATTESTATION_KEY, key: { ...key, publicKey } });
      certs = [made.certificate];
      roots = scene.roots;
      return;
    }
    const pem = (path: string): Certificate[] =>
      parsePemCertificates(new TextDecoder().decode(vector('tpm-quote', path)));
    certs = pem(files['akCert']).map(({ raw }) => raw);
    roots = pem(files['ca'] ?? files['aikIssuer'] ?? 'rsa-sha256-cmc/ca.pem');
  });

  const appraise = async (
    nonceOfCase: string,
    logs: readonly Artifact[] = artifacts,
    components: readonly Component[] = references,
  ): Promise<MeasurementResult> => {
    const { result } = await tpmVerifier.verify({
      evidence: { type: 'TPM Evidence', evidence: attest, signature },
      collateral: { type: 'TPM Evidence', certs, artifacts: logs },
      references: components.map((component) => ({ component, manifest: 'de.test.rtm' })),
      evidenceNonce: fromHex(nonceOfCase),
      rootManifest: undefined,
      roots,
      now,
      verifiedAnchors: new Set(),
    });
    return result;
  };

  const reason = expected.rejectReason === undefined ? '' : ` (${expected.rejectReason})`;
  const verdict =
    stricter === undefined
      ? `${expected.verdict}ed as in the index${reason}`
      : `refused, though good as a quote (${stricter[1]})`;
  test(`is ${verdict}`, async () => {
    const result = await appraise(expected.nonce);
    if (!isQuote || stricter !== undefined) {
      const [code] = stricter ?? [ErrorCode.ParseEvidence];
      expect(result.summary.status).toBe('fail');
      expect(result.summary.errorCodes).toContain(code);
      return;
    }
    const isAccepted = expected.verdict === 'accept';
    expect(faults(result)).toEqual(isAccepted ? [] : FAULTS[expected.rejectReason ?? '']);
    expect(result.summary).toEqual(
      isAccepted ? { status: 'success' } : expect.objectContaining({ status: 'fail' }),
    );
    expect(failures(result)).toEqual([]);
  });

  const { pcrEvents } = files;
  test.runIf(pcrEvents !== undefined)('is accepted with the events of its PCRs', async () => {
    const events = vectorJson<Readonly<Record<string, Readonly<Record<string, string[]>>>>>(
      'tpm-quote',
      pcrEvents as string,
    );
    const logs = Object.entries(events['sha256'] ?? {}).map(
      ([pcr, digests]): Artifact & { readonly events: readonly Component[] } => ({
        type: 'PCR Eventlog',
        index: Number(pcr),
        events: digests.map((hex) =>
          tpmComponent(Number(pcr), { name: 'event', data: '', extended: fromHex(hex) }),
        ),
      }),
    );
    const components = logs.flatMap((log) => log.events);
    expect(components.length).toBeGreaterThan(10);
    const result = await appraise(expected.nonce, logs, components);
    expect(result.summary).toEqual({ status: 'success' });
    const without = await appraise(expected.nonce, logs, components.slice(1));
    expect(failures(without)).toHaveLength(1);
  });

  test('is refused in a report that it was not made for', async () => {
    const report = await scene.report({
      measurers: [recordedTpm(certs, artifacts, async () => ({ evidence: attest, signature }))],
      metadata: tpmMetadata(references),
    });
    const { ok, result } = await scene.verify(report, {
      metadataRoots: [...scene.roots, ...roots],
    });
    expect(ok).toBe(false);
    const tpm = tpmOf(result);
    expect(tpm.summary.status).toBe('fail');
    if (!isQuote || bank === 'SHA-1') {
      const code = isQuote ? ErrorCode.UnsupportedAlgorithm : ErrorCode.ParseEvidence;
      expect(tpm.summary.errorCodes).toEqual([code]);
      return;
    }
    expect(tpm.freshness).toMatchObject({ status: 'fail', got: facts.attest.extraData });
    expect(faults(tpm).filter((fault) => fault !== 'chain')).toEqual([
      'freshness',
      ...(expected.signature === 'valid' ? [] : ['signature']),
      ...(expected.pcrDigestMatchesPcrs === true ? [] : ['pcrs']),
    ]);
  });

  test.runIf(isQuote && files['pcrs'] !== undefined)(
    'with the nonce of a report, signed anew, is judged by its PCRs alone',
    async () => {
      const report = await scene.report({
        measurers: [
          recordedTpm([certificate], artifacts, async (fresh) => {
            const evidence = withNonce(attest, fresh);
            return { evidence, signature: await signQuote(evidence, key) };
          }),
        ],
        metadata: tpmMetadata(references),
      });
      const { ok, result } = await scene.verify(report);
      const isGood = expected.pcrDigestMatchesPcrs === true && bank !== 'SHA-1';
      expect(ok).toBe(isGood);
      if (isGood) expect(result.summary).toEqual({ status: 'success' });
      else if (bank === 'SHA-1') {
        expect(tpmOf(result).summary.errorCodes).toEqual([ErrorCode.UnsupportedAlgorithm]);
      } else expect(faults(tpmOf(result))).toEqual(['pcrs']);
    },
  );
});

/** The quote with another nonce in it. */
function withNonce(attest: Uint8Array, fresh: Uint8Array): Uint8Array {
  const start = 8 + nameLength(attest);
  const length = new DataView(attest.buffer, attest.byteOffset).getUint16(start);
  return concatBytes(
    attest.subarray(0, start),
    new ByteWriter().sized16(fresh).finish(),
    attest.subarray(start + 2 + length),
  );
}
