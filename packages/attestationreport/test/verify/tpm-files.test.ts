import { ByteWriter, concatBytes, encodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { digest } from '../../src/crypto/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Artifact, Component } from '../../src/types/report.ts';
import {
  BOOT,
  digestOfEvent,
  type FakeEvent,
  tpmComponent,
  tpmReferences,
} from '../support/tpm.ts';
import { createTpmScene, failures, faults } from '../support/tpm-scene.ts';
import { vectorJson } from '../support/vectors.ts';

const { accepted, refused } = await createTpmScene();

type Events = Readonly<Record<number, readonly FakeEvent[]>>;

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

const optional = (components: readonly Component[]): Component[] =>
  components.map((component) => ({ ...component, optional: true }));

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
