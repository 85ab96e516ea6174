import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Component } from '@cmc/attestationreport';
import { decodeImaEntry, imaAsciiToBinary, imaEntryDigest } from '@cmc/ima';
import { vectorsDir } from '@cmc/testkit';
import { afterAll, expect, test } from 'vitest';
import { ImaLog, type ImaLogOptions } from '../src/log/ima-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'cmc-ima-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'list');
/** Five entries of PCR 10; the last two are signed. */
const LIST = imaAsciiToBinary(
  readFileSync(join(vectorsDir(), 'ima', 'ima-sig-keylime-combined.txt'), 'utf8'),
);

async function eventsOf(pcr: number, options?: ImaLogOptions): Promise<readonly Component[]> {
  const { events } = await new ImaLog(path, 'SHA-256', options).read();
  return events.get(pcr) ?? [];
}

/** Values of `cmc.ima`, by event. */
const textsOf = (events: readonly Component[]): readonly (readonly string[])[] =>
  events.map(({ properties = [] }) =>
    properties.filter(({ name }) => name === 'cmc.ima').map(({ value }) => value),
  );

test('of the events, boot_aggregate alone carries its entry, unless more is asked for', async () => {
  writeFileSync(path, LIST);
  const plain = await eventsOf(10);
  expect(plain[0]?.name).toBe('boot_aggregate');
  expect(textsOf(plain).map(({ length }) => length)).toEqual([1, 0, 0, 0, 0]);
  const [text = ''] = textsOf(plain)[0] ?? [];
  const entry = { ...decodeImaEntry(text), isViolation: false };
  expect(entry).toMatchObject({ template: 'ima-sig', path: 'boot_aggregate' });
  expect(imaEntryDigest(entry, { bank: 'SHA-256' })).toEqual(plain[0]?.hashes?.[0]?.content);
  for (const { properties } of plain.slice(1)) {
    expect(properties?.map(({ name }) => name)).toEqual(['cmc.ta', 'cmc.index']);
  }
  expect(await eventsOf(10, { signatures: false })).toEqual(plain);
});

test('boot_aggregate of the first template carries its entry, too', async () => {
  const legacy = readFileSync(join(vectorsDir(), 'ima', 'ima-template-keylime-867.txt'), 'utf8');
  writeFileSync(path, imaAsciiToBinary(legacy));
  const events = await eventsOf(10);
  const [text] = textsOf(events).flat();
  const entry = { ...decodeImaEntry(text ?? ''), isViolation: false };
  expect(entry).toMatchObject({ template: 'ima', path: 'boot_aggregate' });
  const event = events.find(({ name }) => name === 'boot_aggregate');
  expect(imaEntryDigest(entry, { bank: 'SHA-256' })).toEqual(event?.hashes?.[0]?.content);
});

test('with signatures, events of signed files carry entries that give their digests', async () => {
  writeFileSync(path, LIST);
  const [plain, signed] = [await eventsOf(10), await eventsOf(10, { signatures: true })];
  const texts = textsOf(signed);
  expect(texts.map(({ length }) => length)).toEqual([1, 0, 0, 1, 1]);
  for (const [i, [text]] of texts.entries()) {
    if (text === undefined) continue;
    const entry = { ...decodeImaEntry(text), isViolation: false };
    expect(imaEntryDigest(entry, { bank: 'SHA-256' })).toEqual(signed[i]?.hashes?.[0]?.content);
    expect(entry.path).toBe(signed[i]?.description);
  }
  // Nothing else changes.
  const without = ({ properties = [], ...event }: Component): Component => ({
    ...event,
    properties: properties.filter(({ name }) => name !== 'cmc.ima'),
  });
  expect(signed.map(without)).toEqual(plain.map(without));
});

test('events of other PCRs and violations carry nothing', async () => {
  const others = LIST.slice();
  others[0] = 11;
  writeFileSync(path, others);
  const ofOther = await eventsOf(11, { signatures: true });
  expect(ofOther).toHaveLength(1);
  expect(textsOf(ofOther)).toEqual([[]]);
  // The logged template digest of these three entries: zeros are a violation.
  const hex = Buffer.from(LIST).toString('hex');
  const digests = [
    '0c8a706a75a5689c1e168f0a573a3cbec33061b5',
    '1e70a3e1af66f42826ad63b761b4cb9c4df195e1',
    '5d4d5141ccd5066d50dc3f21d79ba02fedc24256',
  ];
  const violations = digests.reduce((list, each) => list.replace(each, '00'.repeat(20)), hex);
  expect(violations).not.toBe(hex);
  writeFileSync(path, Buffer.from(violations, 'hex'));
  expect(textsOf(await eventsOf(10, { signatures: true }))).toEqual([[], [], [], [], []]);
});
