import { createHash } from 'node:crypto';
import { type Component, findings, type Verification } from '@cmc/attestationreport';
import { ByteWriter, concatBytes, encodeUtf8 } from '@cmc/bytes';
import { bootAggregates, decodeImaEntry, imaEntryDigest } from '@cmc/ima';
import { isMissing } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { check, createMachine, type Machine, report } from './support/machine.ts';

const hashOf = (name: string, data: Uint8Array): Uint8Array =>
  new Uint8Array(createHash(name).update(data).digest());

/** The first entry of IMA's list, for an aggregate. */
function listOf(algorithm: string, aggregate: Uint8Array): Uint8Array {
  const digest = concatBytes(encodeUtf8(`${algorithm}:\0`), aggregate);
  const path = encodeUtf8('boot_aggregate\0');
  const data = new ByteWriter('little').u32(digest.length).bytes(digest);
  const bytes = data.u32(path.length).bytes(path).finish();
  const name = encodeUtf8('ima-ng');
  const head = new ByteWriter('little').u32(10).bytes(hashOf('sha1', bytes));
  return head.u32(name.length).bytes(name).u32(bytes.length).bytes(bytes).finish();
}

/** Measures as Linux does when it starts, and gives the aggregate of what was booted. */
async function start(
  machine: Machine,
  measure: (booted: Uint8Array) => Uint8Array,
): Promise<Uint8Array> {
  await using tpm = await machine.open();
  const pcrs = await tpm.pcrs.read('SHA-256', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const [{ digest } = { digest: new Uint8Array() }] = bootAggregates(pcrs, 'SHA-256');
  const list = measure(digest);
  machine.writeLogs({ ima: list });
  const data = list.subarray(4 + 20 + 4 + 'ima-ng'.length + 4);
  await tpm.pcrs.extend(10, new Map([['SHA-256', hashOf('sha256', data)]]));
  return digest;
}

/** Of a machine all of whose events have reference values; the entry that the first of IMA carries. */
async function appraise(
  machine: Machine,
): Promise<Verification & { readonly event: Component | undefined }> {
  const driver = machine.driver();
  const { collateral } = await driver.prepare();
  const events = (collateral[0]?.artifacts ?? []).flatMap((artifact) => artifact.events ?? []);
  const event = events.find(({ name }) => name === 'boot_aggregate');
  const references = events.map(({ properties = [], ...each }) => ({
    ...each,
    properties: properties.filter(({ name }) => name !== 'cmc.ima'),
  }));
  return { ...(await check(machine, await report(machine, driver, references))), event };
}

const entryOf = ({ properties = [] }: Component): string =>
  properties.find(({ name }) => name === 'cmc.ima')?.value ?? '';
const summaryOf = ({ result }: Verification): unknown => result.measurements?.[0]?.summary;

describe.skipIf(isMissing('swtpm'))('boot_aggregate in a report of the driver', () => {
  test('R21 comes with its entry, and is proven by the quote', async () => {
    await using machine = await createMachine();
    const booted = await start(machine, (digest) => listOf('sha256', digest));
    const { event, ...verification } = await appraise(machine);
    if (event === undefined) throw new Error('no boot_aggregate');
    const entry = decodeImaEntry(entryOf(event));
    expect(entry.digest).toEqual({ algorithm: 'sha256', value: booted });
    const extended = imaEntryDigest({ ...entry, isViolation: false }, { bank: 'SHA-256' });
    expect(event.hashes).toEqual([{ alg: 'SHA-256', content: extended }]);
    expect(verification.ok).toBe(true);
    expect(summaryOf(verification)).toEqual({ status: 'success' });
  });

  test('R21 of another machine is refused, though a manifest has it', async () => {
    await using machine = await createMachine();
    await start(machine, () => listOf('sha256', new Uint8Array(32).fill(7)));
    const verification = await appraise(machine);
    expect(verification.ok).toBe(false);
    expect(findings(verification.result)[0]?.id).toBe('boot-aggregate-mismatch');
  });

  test('R21 of SHA-1, as Linux before 5.8 has it, is accepted with a note', async () => {
    await using machine = await createMachine();
    await start(machine, () => listOf('sha1', new Uint8Array(20).fill(7)));
    const verification = await appraise(machine);
    expect(verification.ok).toBe(true);
    expect(findings(verification.result).map(({ id }) => id)).toEqual(['boot-aggregate-undecided']);
  });
});
