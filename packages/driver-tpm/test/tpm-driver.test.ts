import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Component, type Evidence, explain } from '@cmc/attestationreport';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { ByteWriter, concatBytes, encodeUtf8 } from '@cmc/bytes';
import { digestOf, EventType, parseEventLog, replay } from '@cmc/eventlog';
import { isMissing, toPem, vectorsDir } from '@cmc/testkit';
import { TPM_HT } from 'tpm2-ts';
import { decodeTpmtSignature } from 'tpm2-ts/verify';
import { describe, expect, test } from 'vitest';
import type { TpmDriver } from '../src/index.ts';
import { check, createMachine, type Machine, NONCE, report } from './support/machine.ts';

const isSwtpmMissing = isMissing('swtpm');
const areToolsMissing = isMissing('swtpm', 'tpm2_checkquote');
const LOG = 'google-rhel8.bin';

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(concatBytes(...parts))
      .digest(),
  );
}

async function extend(machine: Machine, pcr: number, ...digests: Uint8Array[]): Promise<void> {
  await using tpm = await machine.open();
  for (const digest of digests) await tpm.pcrs.extend(pcr, new Map([['SHA-256', digest]]));
}

/** Boots as a real computer did: extends what its log says, and leaves the log. */
async function boot(machine: Machine): Promise<void> {
  const bytes = new Uint8Array(readFileSync(join(vectorsDir(), 'eventlog', LOG)));
  machine.writeLogs({ eventlog: bytes });
  const log = parseEventLog(bytes);
  await using tpm = await machine.open();
  for (const event of log.events) {
    const digest = digestOf(event, 'SHA-256');
    if (event.type === EventType.NO_ACTION || digest === undefined) continue;
    await tpm.pcrs.extend(event.pcr, new Map([['SHA-256', digest]]));
  }
  const expected = [...replay(log, 'SHA-256')].sort(([a], [b]) => a - b);
  const values = await tpm.pcrs.read('SHA-256', [...replay(log, 'SHA-256').keys()]);
  expect(values).toEqual(new Map(expected));
}

/** An entry of IMA's list, ima-ng, and what the kernel extends PCR 10 with for it. */
function imaEntry(path: string): { readonly entry: Uint8Array; readonly digest: Uint8Array } {
  const file = sha256(encodeUtf8(path));
  const d = concatBytes(encodeUtf8('sha256:\0'), file);
  const n = encodeUtf8(`${path}\0`);
  const data = new ByteWriter('little').u32(d.length).bytes(d).u32(n.length).bytes(n).finish();
  const name = encodeUtf8('ima-ng');
  const sha1 = new Uint8Array(createHash('sha1').update(data).digest());
  const entry = new ByteWriter('little')
    .u32(10)
    .bytes(sha1)
    .u32(name.length)
    .bytes(name)
    .u32(data.length)
    .bytes(data)
    .finish();
  return { entry, digest: sha256(data) };
}

/** Reference values: whatever the collateral of the driver says was measured. */
async function learn(driver: TpmDriver): Promise<readonly Component[]> {
  const { collateral } = await driver.prepare();
  return (collateral[0]?.artifacts ?? []).flatMap(({ events = [] }) => events);
}

/** Handles that are loaded: objects and sessions. */
async function loaded(machine: Machine): Promise<readonly number[]> {
  await using tpm = await machine.open();
  const ranges = [TPM_HT.TRANSIENT, TPM_HT.LOADED_SESSION];
  const handles = await Promise.all(ranges.map((range) => tpm.capabilities.handles(range)));
  return handles.flat();
}

describe.skipIf(isSwtpmMissing)('a report of the driver', () => {
  test.each(['EC256', 'RSA2048'] as const)(
    'by a key of %s is accepted by verify(), and refused after one more extend',
    async (keyAlgorithm) => {
      await using machine = await createMachine();
      await boot(machine);
      const driver = machine.driver({ keyAlgorithm });
      const references = await learn(driver);
      expect(references.length).toBeGreaterThan(20);
      const good = await check(machine, await report(machine, driver, references));
      expect(good.ok, explain(good.result).join('\n')).toBe(true);
      expect(machine.endorsed()).toBe(1);

      await extend(machine, 4, sha256(encodeUtf8('boot kit')));
      const bad = await check(machine, await report(machine, driver, references));
      expect(bad.ok).toBe(false);
      const [tpm] = bad.result.measurements ?? [];
      expect(tpm?.tpmResult?.aggPcrQuoteMatch.status).toBe('fail');
      expect(tpm?.signature.signatureVerification.status).toBe('success');
      expect(await loaded(machine)).toEqual([]);
    },
  );

  test('in bank SHA-384 is accepted', async () => {
    await using machine = await createMachine({ ek: true });
    {
      await using tpm = await machine.open();
      await tpm.pcrs.extend(23, new Map([['SHA-384', new Uint8Array(48).fill(5)]]));
    }
    const driver = machine.driver({ hashAlg: 'SHA-384', measurementLogs: false });
    const references = (await learn(driver)).map((component, pcr) => ({
      ...component,
      name: 'PCR Summary',
      properties: [
        { name: 'cmc.ta', value: 'TPM' },
        { name: 'cmc.index', value: String(pcr === 17 ? 23 : pcr) },
      ],
    }));
    const bytes = await report(machine, driver, references, { hashAlg: 'SHA-384' });
    const { ok, result } = await check(machine, bytes);
    expect(ok, explain(result).join('\n')).toBe(true);
  });

  test('holds the list of IMA as it grows, and a program that nobody knows is refused', async () => {
    await using machine = await createMachine();
    await boot(machine);
    const [init, shell] = [imaEntry('/sbin/init'), imaEntry('/bin/sh')];
    machine.writeLogs({ ima: init.entry });
    await extend(machine, 10, init.digest);
    const driver = machine.driver();
    const references = await learn(driver);
    expect(references.find(({ name }) => name === 'init')).toMatchObject({
      type: 'application',
      name: 'init',
      description: '/sbin/init',
      optional: true,
    });
    expect((await check(machine, await report(machine, driver, references))).ok).toBe(true);

    machine.writeLogs({ ima: concatBytes(init.entry, shell.entry) });
    await extend(machine, 10, shell.digest);
    const { ok, result } = await check(machine, await report(machine, driver, references));
    expect(ok).toBe(false);
    const unknown = result.measurements?.[0]?.artifacts?.filter(({ success }) => !success);
    expect(unknown).toMatchObject([{ name: 'sh', description: '/bin/sh', index: 10 }]);
  });

  test('is of one moment when the list grows while it is made', async () => {
    await using machine = await createMachine();
    const entries = Array.from({ length: 6 }, (_, index) => imaEntry(`/bin/program-${index}`));
    const driver = machine.driver();
    const known = entries.map(({ digest }, index) => ({
      type: 'application',
      name: `program-${index}`,
      optional: true,
      hashes: [{ alg: 'SHA-256', content: digest }],
      properties: [
        { name: 'cmc.ta', value: 'TPM' },
        { name: 'cmc.index', value: '10' },
      ],
    }));
    const run = async (count: number): Promise<void> => {
      // As the kernel does it: first into the list, then into the PCR.
      machine.writeLogs({ ima: concatBytes(...entries.slice(0, count).map(({ entry }) => entry)) });
      await sleep(3);
      await extend(machine, 10, entries[count - 1]?.digest ?? new Uint8Array());
    };
    await run(1);
    const running = (async () => {
      for (let count = 2; count <= entries.length; count++) await run(count);
    })();
    for (let round = 0; round < 6; round++) {
      const { ok, result } = await check(machine, await report(machine, driver, known));
      expect(ok, explain(result).join('\n')).toBe(true);
    }
    await running;
    const { ok, result } = await check(machine, await report(machine, driver, known));
    expect(ok).toBe(true);
    expect(result.measurements?.[0]?.artifacts?.filter(({ launched }) => launched)).toHaveLength(6);
  });
});

describe.skipIf(isSwtpmMissing)('a snapshot', () => {
  test('is stale when a PCR was extended before it is quoted', async () => {
    await using machine = await createMachine();
    const { measure } = await machine.driver().prepare();
    await extend(machine, 10, sha256(encodeUtf8('late')));
    await expect(measure(NONCE)).rejects.toMatchObject({ code: 'ERR_MEASUREMENT_STALE' });
  });

  test('leaves out excluded PCRs, and has one artifact for each of the others', async () => {
    await using machine = await createMachine();
    const { collateral } = await machine.driver({ excludePcrs: [0, 10] }).prepare();
    const indices = collateral[0]?.artifacts?.map(({ index }) => index);
    expect(indices).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 23]);
  });

  test('of a bank that the TPM does not have fails, and says which', async () => {
    await using machine = await createMachine({ ek: true });
    await expect(machine.driver({ hashAlg: 'SHA-512' }).prepare()).rejects.toMatchObject({
      code: 'ERR_TPM_DRIVER_BANK',
    });
  });

  test('of a log that is cut off fails', async () => {
    await using machine = await createMachine();
    const bytes = readFileSync(join(vectorsDir(), 'eventlog', LOG));
    machine.writeLogs({ eventlog: new Uint8Array(bytes.subarray(0, bytes.length - 3)) });
    await expect(machine.driver().prepare()).rejects.toMatchObject({ code: 'ERR_TPM_DRIVER_LOG' });
  });

  test('waits for its turn where several are taken at once, and leaves nothing loaded', async () => {
    await using machine = await createMachine();
    const driver = machine.driver();
    const evidences = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const { measure } = await driver.prepare();
        return await measure(new Uint8Array(32).fill(index));
      }),
    );
    expect(evidences.flat()).toHaveLength(8);
    expect(machine.endorsed()).toBe(1);
    expect(await loaded(machine)).toEqual([]);
  });
});

describe.skipIf(areToolsMissing)('tpm2-tools', () => {
  test.each(['EC256', 'RSA2048'] as const)('accept a quote by a key of %s', async (algorithm) => {
    await using machine = await createMachine();
    const driver = machine.driver({ keyAlgorithm: algorithm });
    const { collateral, measure } = await driver.prepare();
    const [evidence] = (await measure(NONCE)) as readonly [Evidence];
    const { folder } = machine.swtpm;
    const [leaf] = collateral[0]?.certs ?? [];
    const { spki } = parseCertificate(leaf ?? new Uint8Array());
    writeFileSync(join(folder, 'ak.pem'), toPem(spki, 'PUBLIC KEY'));
    writeFileSync(join(folder, 'quote'), evidence.evidence ?? new Uint8Array());
    writeFileSync(join(folder, 'signature'), evidence.signature ?? new Uint8Array());
    const nonce = Buffer.from(NONCE).toString('hex');
    const files = ['-u', 'ak.pem', '-m', 'quote', '-s', 'signature'];
    machine.swtpm.tool('tpm2_checkquote', ...files, '-g', 'sha256', '-q', nonce);
    const other = nonce.replace('01', '02');
    expect(() =>
      machine.swtpm.tool('tpm2_checkquote', ...files, '-g', 'sha256', '-q', other),
    ).toThrow();
    expect(decodeTpmtSignature(evidence.signature ?? new Uint8Array()).hash).toBe('SHA-256');
  });
});
