import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNonce, generate, type Serialization, verify } from '@cmc/attestationreport';
import { openContainerLog } from '@cmc/driver-sw';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  createTestbed,
  type Party,
  type PartyVariant,
  type Testbed,
  writeParty,
  writeTestbed,
} from '../src/index.ts';

async function verdictOn(testbed: Testbed, party: Party, serialization: Serialization) {
  const nonce = createNonce();
  const measurers = [party.driver];
  const report = await generate({ measurers, nonce, metadata: party.metadata, serialization });
  const { ok, result } = await verify(report, { nonce, metadataRoots: testbed.metadataRoots });
  return { ok, text: JSON.stringify(result), bytes: report.length };
}

describe.each<Serialization>(['json', 'cbor'])('with metadata in %s', (serialization) => {
  test.each<[PartyVariant, number | undefined]>([
    ['good', undefined],
    ['tampered', 64],
    ['wrongCa', 59],
    ['expired', 11],
    ['missingManifest', 73],
    ['extraComponent', 24],
  ])('a report of the %s party gives error code %s', async (variant, code) => {
    const testbed = await createTestbed({ serialization });
    const party = await testbed.party('host', { variant });
    const { ok, text } = await verdictOn(testbed, party, serialization);
    expect(ok).toBe(code === undefined);
    const codes = [...text.matchAll(/"errorCodes":\[([\d,]*)\]/g)].flatMap(([, list]) =>
      (list ?? '').split(',').map(Number),
    );
    if (code === undefined) expect(codes).toStrictEqual([]);
    else expect(codes).toContain(code);
  });

  test.each([65_536, 1_048_576])('a report can be larger than %i bytes', async (paddingBytes) => {
    const testbed = await createTestbed({ serialization });
    const party = await testbed.party('host', { paddingBytes });
    const { ok, bytes } = await verdictOn(testbed, party, serialization);
    expect(ok).toBe(true);
    expect(bytes).toBeGreaterThan(paddingBytes);
  });
});

test('manifests can be as many as wanted', async () => {
  const testbed = await createTestbed();
  const party = await testbed.party('host', { manifests: 5 });
  expect(party.metadata).toHaveLength(6);
  expect(await verdictOn(testbed, party, 'cbor')).toMatchObject({ ok: true });
});

test('two parties have nothing but the authorities in common', async () => {
  const testbed = await createTestbed();
  const [one, other] = [await testbed.party('one'), await testbed.party('other')];
  const mixed = { ...one, metadata: other.metadata };
  expect(await verdictOn(testbed, mixed, 'cbor')).toMatchObject({ ok: false });
});

test('a party on disk is the one in memory', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-testbed-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const testbed = await createTestbed();
  const party = await testbed.party('host');
  const files = await writeTestbed(folder, testbed);
  const config = await writeParty(folder, party, files);
  const metadata = config.metadata[0]?.slice('file://'.length) ?? '';
  const items = readdirSync(metadata)
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(metadata, name))));
  expect(items).toStrictEqual(party.metadata);
  const log = openContainerLog({ path: join(config.storage, 'container-log.json') });
  expect(await log.read()).toStrictEqual(await party.containerLog.read());
  expect(readFileSync(files.metadataCa, 'utf8')).toBe(testbed.metadataCa.pem);
});
