import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Component } from '@cmc/attestationreport';
import { decodeSignedEntry, imaAsciiToBinary, imaEntryDigest } from '@cmc/ima';
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

test('events carry no entries of the list unless that is asked for', async () => {
  writeFileSync(path, LIST);
  const plain = await eventsOf(10);
  expect(plain).toHaveLength(5);
  for (const { properties } of plain) {
    expect(properties?.map(({ name }) => name)).toEqual(['cmc.ta', 'cmc.index']);
  }
  expect(await eventsOf(10, { signatures: false })).toEqual(plain);
});

test('with signatures, events of signed files carry entries that give their digests', async () => {
  writeFileSync(path, LIST);
  const [plain, signed] = [await eventsOf(10), await eventsOf(10, { signatures: true })];
  const texts = signed.map(({ properties = [] }) =>
    properties.filter(({ name }) => name === 'cmc.ima').map(({ value }) => value),
  );
  expect(texts.map(({ length }) => length)).toEqual([0, 0, 0, 1, 1]);
  for (const [i, [text]] of texts.entries()) {
    if (text === undefined) continue;
    const entry = { ...decodeSignedEntry(text), isViolation: false };
    expect(imaEntryDigest(entry, { bank: 'SHA-256' })).toEqual(signed[i]?.hashes?.[0]?.content);
    expect(entry.path).toBe(signed[i]?.description);
  }
  // Nothing else changes.
  const without = signed.map(({ properties = [], ...event }) => ({
    ...event,
    properties: properties.filter(({ name }) => name !== 'cmc.ima'),
  }));
  expect(without).toEqual(plain);
});

test('with signatures, events of other PCRs and violations carry nothing', async () => {
  const others = LIST.slice();
  others[0] = 11;
  writeFileSync(path, others);
  expect(await eventsOf(11, { signatures: true })).toEqual(await eventsOf(11));
  // The logged template digest of the last two entries: zeros are a violation.
  const hex = Buffer.from(LIST).toString('hex');
  const digests = [
    '1e70a3e1af66f42826ad63b761b4cb9c4df195e1',
    '5d4d5141ccd5066d50dc3f21d79ba02fedc24256',
  ];
  const violations = digests.reduce((list, each) => list.replace(each, '00'.repeat(20)), hex);
  expect(violations).not.toBe(hex);
  writeFileSync(path, Buffer.from(violations, 'hex'));
  expect(await eventsOf(10, { signatures: true })).toEqual(await eventsOf(10));
});
