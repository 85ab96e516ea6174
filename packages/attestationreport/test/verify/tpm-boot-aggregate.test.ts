import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { concatBytes, encodeUtf8, fromHex, toBase64, toHex } from '@cmc/bytes';
import { createFakeKeySync, vectorsDir } from '@cmc/testkit';
import type { HashName } from 'tpm2-ts/verify';
import { beforeAll, describe, expect, test } from 'vitest';
import { digest } from '../../src/crypto/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Finding } from '../../src/explain/finding.ts';
import { findings } from '../../src/explain/findings.ts';
import type { Artifact, Component } from '../../src/types/report.ts';
import type { MeasurementResult } from '../../src/types/result.ts';
import { tpmVerifier } from '../../src/verify/evidence/tpm-verifier.ts';
import type { Verification, VerifyOptions } from '../../src/verify/index.ts';
import { clock, createScene, type Scene } from '../support/scene.ts';
import {
  type FakeEvent,
  fakeTpm,
  replay,
  tpmComponent,
  tpmMetadata,
  tpmReferences,
} from '../support/tpm.ts';
import { ATTESTATION_KEY } from '../support/tpm-scene.ts';

const key = createFakeKeySync('EC256');
let scene: Scene;
let certificate: Uint8Array;
beforeAll(async () => {
  scene = await createScene();
  ({ certificate } = await scene.ca.issue({ ...ATTESTATION_KEY, key }));
});

type Events = Readonly<Record<number, readonly FakeEvent[]>>;
const range = (end: number): number[] => Array.from({ length: end + 1 }, (_, pcr) => pcr);
/** One event in each of PCR 0-9. */
const boot = (what: string): Events =>
  Object.fromEntries(range(9).map((pcr) => [pcr, [{ name: 'event', data: `${what} ${pcr}` }]]));
const BOOT = boot('this boot');
const OTHER_BOOT = boot('another machine');
const INIT: FakeEvent = { name: 'init', data: '/sbin/init' };

function aggregateOf(events: Events, bank: HashName, lastPcr = 9): Uint8Array {
  return digest(
    bank,
    concatBytes(...range(lastPcr).map((pcr) => replay(pcr, events[pcr] ?? [], bank))),
  );
}

/** An entry as the kernel makes it: what it extends, and the text of `cmc.ima`. */
interface Entry {
  readonly extended: Uint8Array;
  readonly text: string;
}

const field = (...parts: readonly Uint8Array[]): Uint8Array => {
  const content = concatBytes(...parts);
  return concatBytes(new Uint8Array(Uint32Array.of(content.length).buffer), content);
};

interface EntryOptions {
  readonly template?: string;
  /** `[type:]algorithm` */
  readonly algorithm?: string;
  readonly emptyFields?: number;
  readonly bank?: HashName;
}

function entryOf(aggregate: Uint8Array, options: EntryOptions = {}): Entry {
  const { template = 'ima-ng', algorithm = 'sha256', emptyFields = 0, bank = 'SHA-256' } = options;
  const data = concatBytes(
    field(encodeUtf8(`${algorithm}:\0`), aggregate),
    field(encodeUtf8('boot_aggregate\0')),
    ...Array.from({ length: emptyFields }, () => field()),
  );
  return { extended: digest(bank, data), text: `${template} ${toBase64(data)}` };
}

interface Case {
  readonly extended: Uint8Array;
  /** Value of `cmc.ima`, if any. */
  readonly text?: string | undefined;
  readonly bank?: HashName;
  readonly without?: readonly number[];
  /** Name of the reference value. */
  readonly reference?: string;
  readonly summary?: boolean;
  readonly verify?: Partial<VerifyOptions>;
}

/** A report of {@link BOOT}; what it extends first into PCR 10 has a signed reference value. */
async function run(options: Case): Promise<Verification> {
  const { extended, text, bank = 'SHA-256', without = [], reference, summary, verify } = options;
  const first: FakeEvent = { name: 'boot_aggregate', data: '', extended };
  const all: Events = { ...BOOT, 10: [first, INIT] };
  const events = Object.fromEntries(
    Object.entries(all).filter(([pcr]) => !without.includes(Number(pcr))),
  );
  const withText = (event: Component): Component =>
    text === undefined || event.name !== first.name
      ? event
      : { ...event, properties: [...(event.properties ?? []), { name: 'cmc.ima', value: text }] };
  const asReported = (log: Artifact): Artifact => {
    if (log.index !== 10) return log;
    if (summary !== true) return { ...log, events: (log.events ?? []).map(withText) };
    const value = { name: '', data: '', extended: replay(10, all[10] ?? [], bank) };
    return { ...log, type: 'PCR Summary', events: [tpmComponent(10, value, {}, bank)] };
  };
  const references = tpmReferences(events, bank).map((component) =>
    component.name === first.name && reference !== undefined
      ? { ...component, name: reference }
      : component,
  );
  const report = await scene.report({
    measurers: [
      fakeTpm({
        key,
        bank,
        certs: [certificate],
        events,
        artifacts: (artifacts) => artifacts.map(asReported),
      }),
    ],
    metadata: tpmMetadata(references),
  });
  return await scene.verify(report, verify);
}

function tpmOf({ result }: Verification): MeasurementResult {
  const measurement = result.measurements?.find(({ type }) => type === 'TPM Result');
  if (measurement === undefined) throw new Error('no TPM result');
  return measurement;
}

/** Accepted, and nothing to say. */
async function proven(options: Case): Promise<void> {
  const verification = await run(options);
  expect(tpmOf(verification).summary).toEqual({ status: 'success' });
  expect(verification.ok).toBe(true);
}

/** Accepted with a note, which is returned. */
async function noted(options: Case): Promise<string> {
  const verification = await run(options);
  expect(verification.ok).toBe(true);
  const { summary } = tpmOf(verification);
  expect(summary).toEqual({ status: 'success', details: expect.any(String) });
  expect(findings(verification.result)).toEqual([
    expect.objectContaining({ id: 'boot-aggregate-undecided', severity: 'note' }),
  ]);
  return summary.details ?? '';
}

/** Refused for this and nothing else: quote, log and all reference values are in order. */
async function refused(options: Case): Promise<Finding> {
  const verification = await run(options);
  expect(verification.ok).toBe(false);
  const { summary, tpmResult, artifacts, signature } = tpmOf(verification);
  expect(summary).toMatchObject({ status: 'fail', errorCodes: [ErrorCode.MeasurementNoMatch] });
  expect(tpmResult?.aggPcrQuoteMatch).toEqual({ status: 'success' });
  expect(signature.signatureVerification).toEqual({ status: 'success' });
  expect(artifacts?.filter(({ success }) => !success)).toEqual([]);
  const [finding, ...more] = findings(verification.result).filter(({ path }) =>
    path.startsWith('measurements['),
  );
  expect(more).toEqual([]);
  if (finding === undefined) throw new Error('nothing found');
  return finding;
}

const ALLOWED = { verify: { tpmAllowUncheckedBootAggregate: true } };
const TEMPLATES: readonly EntryOptions[] = [
  { template: 'ima-ng' },
  { template: 'ima-ngv2', algorithm: 'ima:sha256' },
  { template: 'ima-sig', emptyFields: 1 },
  { template: 'ima-sigv2', algorithm: 'ima:sha256', emptyFields: 1 },
  { template: 'ima-modsig', emptyFields: 3 },
  { template: 'evm-sig', emptyFields: 7 },
];

describe.each([
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
] as const)('boot_aggregate in bank %s', (bank, kernel) => {
  const own = (template: EntryOptions): EntryOptions => ({
    ...template,
    bank,
    algorithm: (template.algorithm ?? 'sha256').replace('sha256', kernel),
  });

  test.each(TEMPLATES)(
    'R21 is proven in template $template, over PCR 0-9 and 0-7',
    async (each) => {
      for (const lastPcr of [9, 7]) {
        const { extended, text } = entryOf(aggregateOf(BOOT, bank, lastPcr), own(each));
        await proven({ bank, extended });
        await proven({ bank, extended, text });
      }
    },
  );

  test.each(TEMPLATES)('R21 of another boot is refused in template $template', async (each) => {
    const aggregate = aggregateOf(OTHER_BOOT, bank);
    const { extended, text } = entryOf(aggregate, own(each));
    for (const more of [{}, ALLOWED]) {
      expect(await refused({ bank, extended, text, ...more })).toMatchObject({
        id: 'boot-aggregate-mismatch',
        expected: [9, 7].map((last) => toHex(aggregateOf(BOOT, bank, last))).join(' or '),
        got: toHex(aggregate),
      });
    }
  });

  test('R21 over other PCRs of this boot is refused', async () => {
    for (const lastPcr of [6, 8]) {
      const { extended, text } = entryOf(aggregateOf(BOOT, bank, lastPcr), own({}));
      expect(await refused({ bank, extended, text })).toMatchObject({
        id: 'boot-aggregate-mismatch',
      });
    }
  });
});

describe('boot_aggregate of a list of fields that the kernel has no name for', () => {
  const custom = { template: 'd-ng|n-ng|iuid|igid', emptyFields: 2 };

  test('R21 is proven by its entry', async () => {
    const { extended, text } = entryOf(aggregateOf(BOOT, 'SHA-256'), custom);
    await proven({ extended, text });
    expect(await refused({ extended })).toMatchObject({ id: 'boot-aggregate-unchecked' });
  });

  test('R21 of another boot is refused by its entry', async () => {
    const { extended, text } = entryOf(aggregateOf(OTHER_BOOT, 'SHA-256'), custom);
    expect(await refused({ extended, text })).toMatchObject({ id: 'boot-aggregate-mismatch' });
  });
});

describe('boot_aggregate without its entry', () => {
  const other = entryOf(aggregateOf(OTHER_BOOT, 'SHA-256'));

  test('R21 of another boot is refused, unless the verifier allows what it cannot check', async () => {
    const { extended } = other;
    expect(await refused({ extended })).toMatchObject({ id: 'boot-aggregate-unchecked' });
    const off = { tpmAllowUncheckedBootAggregate: false };
    expect(await refused({ extended, verify: off })).toMatchObject({
      id: 'boot-aggregate-unchecked',
    });
    expect(await noted({ extended, ...ALLOWED })).toContain('without the entry');
  });

  test('R21 an entry that does not give what was extended is none', async () => {
    const { extended } = other;
    const sha1 = entryOf(new Uint8Array(20), { algorithm: 'sha1' }).text;
    for (const text of [
      sha1,
      entryOf(aggregateOf(BOOT, 'SHA-256')).text,
      `ima ${toBase64(concatBytes(new Uint8Array(20), field(encodeUtf8('boot_aggregate'))))}`,
      other.text.replace('ima-ng', 'ima-ngv2'),
      other.text.replace('ima-ng', 'ima-sig'),
      'ima-ng',
      '',
    ]) {
      expect(await refused({ extended, text })).toMatchObject({ id: 'boot-aggregate-unchecked' });
      await noted({ extended, text, ...ALLOWED });
    }
  });

  test('R21 is what the reference names so, in any case and whatever the prover calls it', async () => {
    const { extended } = other;
    for (const reference of ['BOOT_AGGREGATE', 'Boot_Aggregate']) {
      expect(await refused({ extended, reference })).toMatchObject({
        id: 'boot-aggregate-unchecked',
      });
    }
    // A file may be called anything.
    for (const reference of ['my_boot_aggregate', 'boot_aggregate.txt']) {
      await proven({ extended, reference });
    }
  });
});

describe('boot_aggregate that the quote says nothing of', () => {
  test.each([
    ['sha1', 20],
    ['sha384', 48],
    ['sm3', 32],
  ])('R21 of bank %s is accepted with a note', async (algorithm, size) => {
    const { extended, text } = entryOf(new Uint8Array(size).fill(7), { algorithm });
    expect(await noted({ extended, text })).toContain(algorithm);
    await refused({ extended });
  });

  test('R21 of the first template, which has SHA-1 only, is accepted with a note', async () => {
    const [sha1, name] = [new Uint8Array(20).fill(7), encodeUtf8('boot_aggregate')];
    const extended = digest('SHA-256', concatBytes(sha1, name, new Uint8Array(256 - name.length)));
    const text = `ima ${toBase64(concatBytes(sha1, field(name)))}`;
    expect(await noted({ extended, text })).toContain('sha1');
  });

  test.each(range(7))('R21 is accepted with a note when PCR %i is not quoted', async (pcr) => {
    const { extended, text } = entryOf(aggregateOf(OTHER_BOOT, 'SHA-256'));
    expect(await noted({ extended, without: [pcr] })).toContain(`PCR ${pcr} is not quoted`);
    await noted({ extended, text, without: [pcr] });
  });

  test.each([[[8]], [[9]], [[8, 9]]])(
    'R21 without PCR %j only PCR 0-7 prove it',
    async (without) => {
      await proven({ ...entryOf(aggregateOf(BOOT, 'SHA-256', 7)), without });
      const newer = { ...entryOf(aggregateOf(BOOT, 'SHA-256', 9)), without };
      expect(await refused(newer)).toMatchObject({ id: 'boot-aggregate-unchecked' });
      const note = await noted({ ...newer, ...ALLOWED });
      expect(note).toContain(`PCR ${without.join(', ')} is not quoted`);
    },
  );
});

describe('boot_aggregate behind a summary of its PCR', () => {
  const summary = true;

  test('R21 is the reference value that gives the PCR', async () => {
    await proven({ ...entryOf(aggregateOf(BOOT, 'SHA-256')), summary });
    const { extended } = entryOf(aggregateOf(OTHER_BOOT, 'SHA-256'));
    expect(await refused({ extended, summary })).toMatchObject({ id: 'boot-aggregate-unchecked' });
    await noted({ extended, summary, ...ALLOWED });
    await noted({ extended, summary, without: [3] });
  });
});

describe('the boot of a virtual machine (OVMF, Linux 6.1)', () => {
  const read = (file: string): Buffer => readFileSync(join(vectorsDir(), 'vm-ovmf', file));
  const json = <T>(file: string): T => JSON.parse(read(file).toString('utf8')) as T;
  const log =
    json<readonly { pcr: number; typeName: string; digests: { sha256: string } }[]>('events.json');
  const [first] = json<readonly { digest: string }[]>('ima-1.json');
  const files = read('ima-1.txt').toString('utf8').trim().split('\n');
  /** Of the quote, each with the events of the log. */
  const events: Events = Object.fromEntries(
    [...range(9), 14].map((pcr) => [
      pcr,
      log
        .filter((event) => event.pcr === pcr)
        .map(({ typeName, digests }) => ({
          name: typeName,
          data: '',
          extended: fromHex(digests.sha256),
        })),
    ]),
  );
  const list = files.map((line): FakeEvent => {
    const [, , , hash = '', ...path] = line.split(' ');
    const data = concatBytes(
      field(encodeUtf8('sha256:\0'), fromHex(hash.slice('sha256:'.length))),
      field(encodeUtf8(`${path.join(' ')}\0`)),
    );
    return { name: path.join(' '), data: '', extended: digest('SHA-256', data) };
  });

  test('R21 is proven, by the quote of its TPM and digests alone', async () => {
    const publicKey = createPublicKey(read('ak-ecc.pem'));
    const issued = await scene.ca.issue({ ...ATTESTATION_KEY, key: { ...key, publicKey } });
    const all: Events = { ...events, 10: list };
    const { result } = await tpmVerifier.verify({
      evidence: {
        type: 'TPM Evidence',
        evidence: new Uint8Array(read('quote-1-ecc-sha256.attest.bin')),
        signature: new Uint8Array(read('quote-1-ecc-sha256.sig.bin')),
      },
      collateral: {
        type: 'TPM Evidence',
        certs: [issued.certificate],
        artifacts: Object.entries(all).map(([pcr, measured]) => ({
          type: 'PCR Eventlog',
          index: Number(pcr),
          events: measured.map((event) => tpmComponent(Number(pcr), event)),
        })),
      },
      references: tpmReferences(all).map((component) => ({ component, manifest: 'rtm' })),
      evidenceNonce: fromHex('72fbadfe6a7af328fe58efe0316539e608ec473327fa6fd5c89463c8b5d5e8c4'),
      rootManifest: undefined,
      roots: scene.roots,
      now: clock.now(),
      verifiedAnchors: new Set(),
    });
    expect(list[0]?.name).toBe('boot_aggregate');
    expect(toHex(aggregateOf(events, 'SHA-256'))).toBe(first?.digest);
    expect(result.summary).toEqual({ status: 'success' });
  });
});
