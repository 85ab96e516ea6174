import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Component } from '@cmc/attestationreport';
import { componentSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { encodeUtf8, equalBytes, fromHex, toHex } from '@cmc/bytes';
import { parseEventLog } from '@cmc/eventlog';
import { parseImaList } from '@cmc/ima';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { componentsText } from '../src/component-list.ts';
import { eventLogComponents, imaComponents, learn, summaries } from '../src/index.ts';

type Pcrs = Readonly<Record<string, Readonly<Record<string, string>>>>;
interface LogVector {
  readonly id: string;
  readonly file: string;
  readonly kind: string;
  readonly expected: { readonly verdict?: string; readonly pcrs?: Pcrs };
}

const read = (...path: string[]): Uint8Array =>
  new Uint8Array(readFileSync(join(vectorsDir(), ...path)));
const json = (...path: string[]): unknown =>
  JSON.parse(readFileSync(join(vectorsDir(), ...path), 'utf8'));

const logs = (json('eventlog', 'index.json') as { readonly entries: LogVector[] }).entries.filter(
  ({ expected, kind }) => kind === 'tcg-eventlog' && Object.keys(expected.pcrs ?? {}).length > 0,
);
const ALGORITHMS = { sha256: 'SHA-256', sha384: 'SHA-384' } as const;

/** What the components of each PCR come to when they are extended in their order. */
function extended(components: readonly Component[], alg: string): Readonly<Record<string, string>> {
  const name = alg.replace('-', '').toLowerCase();
  const pcrs: Record<string, Buffer> = {};
  for (const component of components) {
    const pcr = component.properties?.find((each) => each.name === 'cmc.index')?.value ?? '';
    const content = component.hashes?.find((each) => each.alg === alg)?.content ?? new Uint8Array();
    const before = pcrs[pcr] ?? Buffer.alloc(content.length);
    pcrs[pcr] =
      component.name === 'TPM_PCR_INIT_VALUE'
        ? Buffer.from(content)
        : createHash(name).update(before).update(content).digest();
  }
  return Object.fromEntries(
    Object.entries(pcrs).map(([pcr, value]) => [pcr, value.toString('hex')]),
  );
}

/** The components as they come out of the file that is written. */
function written(components: readonly Component[]): readonly Component[] {
  const list = JSON.parse(componentsText(components)) as unknown[];
  return list.map((each) => decodeStruct(componentSchema, encodeUtf8(JSON.stringify(each))).value);
}

describe('reference components of an event log', () => {
  test('there are vectors', () => {
    expect(logs.length).toBeGreaterThanOrEqual(25);
  });

  test.each(logs)('$id: extended in their order they give its PCRs', ({ file, expected }) => {
    const log = parseEventLog(read('eventlog', file));
    const components = written(eventLogComponents(log, { eventData: true }));
    for (const [bank, alg] of Object.entries(ALGORITHMS)) {
      const pcrs = expected.pcrs?.[bank];
      if (pcrs === undefined || !components[0]?.hashes?.some((each) => each.alg === alg)) continue;
      expect(extended(components, alg)).toEqual(pcrs);
    }
    const sha1 = expected.pcrs?.['sha1'];
    if (sha1 === undefined) return;
    expect(extended(eventLogComponents(log, { banks: ['SHA-1'] }), 'SHA-1')).toEqual(sha1);
  });

  test('are of the form of manifests', () => {
    const log = parseEventLog(read('vm-ovmf', 'eventlog.bin'));
    const [init, version] = eventLogComponents(log, { banks: ['SHA-256'], pcrs: [0] });
    const properties = [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: '0' },
    ];
    expect(init).toEqual({
      type: 'firmware',
      name: 'TPM_PCR_INIT_VALUE',
      hashes: [{ alg: 'SHA-256', content: new Uint8Array(32) }],
      properties,
    });
    expect(version).toEqual({
      type: 'firmware',
      name: 'EV_S_CRTM_VERSION',
      hashes: [
        {
          alg: 'SHA-256',
          content: fromHex('96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'),
        },
      ],
      description: '..',
      properties,
    });
    const types = new Map(
      eventLogComponents(log).map(({ type, properties: all }) => [all?.[1]?.value, type]),
    );
    expect([types.get('3'), types.get('4'), types.get('7'), types.get('9')]).toEqual([
      'firmware',
      'operating-system',
      'platform',
      'operating-system',
    ]);
  });

  test('tell the locality that started the TPM', () => {
    const log = parseEventLog(read('eventlog', 'keylime-locality3.bin'));
    const [init] = eventLogComponents(log, { pcrs: [0], banks: ['SHA-256'] });
    expect(init?.hashes?.[0]?.content.at(-1)).toBe(3);
  });

  test('say what events say only when asked', () => {
    const log = parseEventLog(read('vm-ovmf', 'eventlog.bin'));
    expect(eventLogComponents(log).some(({ eventdata }) => eventdata !== undefined)).toBe(false);
    const texts = eventLogComponents(log, { eventData: true, pcrs: [9] }).map(
      ({ eventdata }) => eventdata?.pcclienttaggedevent?.taggedeventid,
    );
    expect(texts.filter((text) => text !== undefined)).toHaveLength(2);
  });

  test('are refused in a bank that the log does not have', () => {
    const log = parseEventLog(read('vm-ovmf', 'eventlog.bin'));
    expect(() => eventLogComponents(log, { banks: ['SHA-512'] })).toThrow(
      expect.objectContaining({ code: 'ERR_MR_INPUT' }),
    );
  });
});

describe('reference components of an IMA list', () => {
  const pcrs = json('vm-ovmf', 'pcrs-1.json') as Pcrs;
  const { entries } = parseImaList(read('vm-ovmf', 'ima-1.bin'), { bank: 'SHA-256' });

  test('extended in their order they give PCR 10, also of kernels that pad SHA-1', () => {
    const components = written(imaComponents(entries).components);
    expect(components).toHaveLength(38);
    expect(extended(components, 'SHA-256')).toEqual({ 10: pcrs['sha256']?.['10'] });
    const padded = imaComponents(entries, { banks: ['SHA-384'], paddedSha1: true }).components;
    expect(extended(padded, 'SHA-384')).toEqual({ 10: pcrs['sha384']?.['10'] });
    const sha1 = imaComponents(entries, { banks: ['SHA-1'], paddedSha1: true }).components;
    expect(extended(sha1, 'SHA-1')).toEqual({ 10: pcrs['sha1']?.['10'] });
  });

  test('name the file, are optional and of the form of manifests', () => {
    expect(imaComponents(entries).components[2]).toMatchObject({
      type: 'application',
      name: 'busybox',
      optional: true,
      description: '/bin/busybox',
      properties: [
        { name: 'cmc.ta', value: 'TPM' },
        { name: 'cmc.index', value: '10' },
      ],
    });
  });

  test('leave violations out, and tell of them', () => {
    const later = parseImaList(read('vm-ovmf', 'ima-2.bin'), { bank: 'SHA-256' }).entries;
    const { components, violations } = imaComponents(later);
    expect(violations.map(({ path }) => path)).toEqual(['/data/busy.log']);
    expect(components).toHaveLength(later.length - 1);
  });

  test('of other PCRs are left out', () => {
    expect(imaComponents(entries, { pcrs: [11] }).components).toEqual([]);
  });
});

describe('learning from a machine', () => {
  const values = (snapshot: number, bank: string): ReadonlyMap<number, Uint8Array> => {
    const all = (json('vm-ovmf', `pcrs-${snapshot}.json`) as Pcrs)[bank] ?? {};
    return new Map(
      Object.entries(all)
        .map(([pcr, hex]) => [Number(pcr), fromHex(hex)] as const)
        .filter(([pcr]) => pcr <= 16 || pcr === 23),
    );
  };
  const eventLog = read('vm-ovmf', 'eventlog.bin');
  const imaList = read('vm-ovmf', 'ima-1.bin');
  const machine = { bank: 'SHA-256', pcrs: values(1, 'sha256'), eventLog, imaList } as const;

  test('gives components for all that the TPM confirms, also in a bank of padded digests', () => {
    for (const [name, bank] of Object.entries({ ...ALGORITHMS, sha1: 'SHA-1' } as const)) {
      const pcrs = values(1, name);
      const { components, violations } = learn({ ...machine, bank, pcrs });
      expect(violations).toEqual([]);
      for (const [pcr, value] of Object.entries(extended(components, bank))) {
        expect(value, `${bank} PCR ${pcr}`).toBe(toHex(pcrs.get(Number(pcr)) ?? new Uint8Array()));
      }
      expect(new Set(components.map(({ properties }) => properties?.[1]?.value))).toEqual(
        new Set(['0', '1', '2', '3', '4', '5', '6', '7', '9', '10']),
      );
    }
  });

  test('takes no entries that came after the values', () => {
    const later = { ...machine, imaList: read('vm-ovmf', 'ima-2.bin') };
    expect(learn(later)).toEqual(learn(machine));
  });

  test('names violations and makes no references of them', () => {
    const pcrs = values(2, 'sha256');
    const { components, violations } = learn({
      ...machine,
      pcrs,
      imaList: read('vm-ovmf', 'ima-2.bin'),
    });
    expect(violations.map(({ path }) => path)).toEqual(['/data/busy.log']);
    const ones = new Uint8Array(32).fill(0xff);
    expect(components.filter(({ optional }) => optional)).toHaveLength(43);
    expect(components.some(({ hashes }) => equalBytes(hashes?.[0]?.content ?? ones, ones))).toBe(
      false,
    );
  });

  test.each([
    ['a list that is too short', { imaList: imaList.subarray(0, 0) }],
    ['no list', { imaList: undefined }],
    ['no event log', { eventLog: undefined }],
    ['values of another time', { pcrs: values(2, 'sha256') }],
  ])('refuses %s', (_, change) => {
    const { eventLog: log, imaList: list, ...others } = { ...machine, ...change };
    const changed = {
      ...others,
      ...(log === undefined ? {} : { eventLog: log }),
      ...(list === undefined ? {} : { imaList: list }),
    };
    expect(() => learn(changed)).toThrow(expect.objectContaining({ code: 'ERR_MR_MISMATCH' }));
  });

  test('refuses an event that was changed', () => {
    const changed = eventLog.slice();
    const at = parseEventLog(eventLog).events.at(-1)?.offset ?? 0;
    // Behind PCR, type, count and SHA-1 digest: the SHA-256 digest.
    changed[at + 12 + 22 + 2] = (changed[at + 12 + 22 + 2] ?? 0) ^ 1;
    expect(() => learn({ ...machine, eventLog: changed })).toThrow(
      expect.objectContaining({ code: 'ERR_MR_MISMATCH' }),
    );
  });

  test('of a machine without logs gives a component for each PCR', () => {
    const pcrs = new Map([[4, new Uint8Array(32).fill(4)]]);
    expect(summaries('SHA-256', pcrs)).toEqual([
      {
        type: 'operating-system',
        name: 'PCR Summary',
        hashes: [{ alg: 'SHA-256', content: new Uint8Array(32).fill(4) }],
        properties: [
          { name: 'cmc.ta', value: 'TPM' },
          { name: 'cmc.index', value: '4' },
        ],
      },
    ]);
  });
});
