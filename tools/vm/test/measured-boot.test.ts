import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Component } from '@cmc/attestationreport';
import { DecodeError, equalBytes, toHex } from '@cmc/bytes';
import { digestOf, type EventLog, EventType, parseEventLog, replay } from '@cmc/eventlog';
import {
  bootAggregates,
  type HashName,
  type ImaEntry,
  imaEntryDigest,
  parseImaList,
  replayImaList,
} from '@cmc/ima';
import { eventLogComponents, imaComponents } from '@cmc/mrtool';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  buildApplication,
  buildInitrd,
  type Machine,
  type MachineOptions,
  manufactureTpm,
  prepareKernel,
  rootImage,
  startMachine,
} from '../src/index.ts';
import { BANKS, type Measurements, readMeasurements } from './support/measurements.ts';
import { isMissing } from './support/requirements.ts';

const PREPARE_MS = 240_000;
const IMA = 'ima_policy=tcb ima_hash=sha256 ima_template=ima-ng';
const IMA_PCR = 10;
/** PCRs of firmware, boot loader and kernel. */
const BOOT_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 9];
const NEW_PROGRAM = '/data/not-in-the-manifest';

describe.skipIf(await isMissing())('a measured boot', () => {
  let folder = '';
  let options: MachineOptions;
  let machine: Machine;
  let trusted: Measurements;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cmc-vm-boot-'));
    const kernel = await prepareKernel();
    const [initrd, application] = [join(folder, 'initrd'), join(folder, 'application')];
    await buildInitrd(kernel, initrd);
    await buildApplication(['tpm2-ts'], application);
    const tpm = await manufactureTpm(folder);
    const root = await rootImage();
    options = { kernel: kernel.image, initrd, root, application, tpm, commandLine: IMA };
    machine = await startMachine(options);
    console.log(`up after ${Math.round(machine.bootMs)} ms`);
    trusted = await readMeasurements(machine.agent);
  }, PREPARE_MS);

  afterAll(async () => {
    await machine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(BANKS)('the replay of the event log gives the PCRs of the TPM in %s', (bank) => {
    const values = replay(parseEventLog(trusted.eventLog), bank);
    expect([...values.keys()].sort((a, b) => a - b)).toEqual(BOOT_PCRS);
    for (const [pcr, value] of values) {
      expect(toHex(value), `PCR ${pcr}`).toBe(pcrOf(trusted, bank, pcr));
    }
  });

  test.each(BANKS)('the replay of the IMA list gives PCR 10 of the TPM in %s', (bank) => {
    const { pcrs, violations } = replayImaList(trusted.imaList, { bank });
    expect(violations).toBe(0);
    expect([...pcrs].map(([pcr, value]) => [pcr, toHex(value)])).toEqual([
      [IMA_PCR, pcrOf(trusted, bank, IMA_PCR)],
    ]);
  });

  test('a change of any byte of the logs gives other values, or is no log', () => {
    const { eventLog, imaList } = trusted;
    for (let at = 0; at < imaList.length; at += 97) {
      const changed = flipped(imaList, at);
      expect(listOutcome(changed), `byte ${at}`).not.toBe(listOutcome(imaList));
    }
    const event = parseEventLog(eventLog).events.find(({ type }) => type !== EventType.NO_ACTION);
    const digestAt = (event?.offset ?? 0) + 12 + 2;
    const values = [...replay(parseEventLog(flipped(eventLog, digestAt)), 'SHA-1').values()];
    const expected = [...replay(parseEventLog(eventLog), 'SHA-1').values()];
    expect(values.map(toHex)).not.toEqual(expected.map(toHex));
  });

  test('the list begins with the aggregate of the boot', () => {
    const [first] = parseImaList(trusted.imaList, { bank: 'SHA-256' }).entries;
    const values = trusted.pcrs.get('SHA-256') ?? new Map();
    const candidates = bootAggregates(values, 'SHA-256').map((each) => toHex(each.digest));
    expect(first?.path).toBe('boot_aggregate');
    expect(candidates).toContain(toHex(first?.digest.value ?? new Uint8Array()));
  });

  test('the list names what was run, from the first program on', () => {
    const paths = parseImaList(trusted.imaList, { bank: 'SHA-256' }).entries.map(
      ({ path }) => path,
    );
    expect(paths.slice(0, 3)).toEqual(['boot_aggregate', '/init', '/bin/busybox']);
    expect(paths).toContain('/usr/bin/node');
    expect(paths).toContain('/app/guest/agent.mjs');
  });

  test('a program that no reference value knows is the one that is found', async () => {
    const { agent } = machine;
    await agent.write(NEW_PROGRAM, '#!/bin/sh\necho hello\n', 0o755);
    expect(await agent.run(NEW_PROGRAM, [])).toMatchObject({ code: 0, stdout: 'hello\n' });
    const now = await readMeasurements(agent);
    for (const bank of BANKS) {
      const value = replayImaList(now.imaList, { bank }).pcrs.get(IMA_PCR);
      expect(toHex(value ?? new Uint8Array())).toBe(pcrOf(now, bank, IMA_PCR));
      expect(pcrOf(now, bank, IMA_PCR)).not.toBe(pcrOf(trusted, bank, IMA_PCR));
    }
    expect(unknownFiles(now, trusted).map(({ path }) => path)).toEqual([NEW_PROGRAM]);
    expect(unknownEvents(now, trusted)).toEqual([]);
  });

  test(
    'another kernel command line is the event that is found',
    async () => {
      await machine.stop();
      machine = await startMachine({ ...options, commandLine: `${IMA} quiet` });
      const now = await readMeasurements(machine.agent);
      const log = parseEventLog(now.eventLog);
      for (const [pcr, value] of replay(log, 'SHA-256')) {
        expect(toHex(value), `PCR ${pcr}`).toBe(pcrOf(now, 'SHA-256', pcr));
      }
      expect(unknownEvents(now, trusted)).toEqual(['9 EV_EVENT_TAG']);
      // What the boot was is in the list, too; all files are the same.
      expect(unknownFiles(now, trusted).map(({ path }) => path)).toEqual(['boot_aggregate']);
    },
    PREPARE_MS,
  );
});

/** Events of a log that have no reference value among those of a trusted boot. */
function unknownEvents(now: Measurements, trusted: Measurements): readonly string[] {
  const known = digestsOf(eventLogComponents(parseEventLog(trusted.eventLog)));
  const log: EventLog = parseEventLog(now.eventLog);
  return log.events
    .filter(({ type }) => type !== EventType.NO_ACTION)
    .filter((event) => !known.has(`${event.pcr} ${toHex(digestOf(event, 'SHA-256') ?? none)}`))
    .map(({ pcr, typeName }) => `${pcr} ${typeName}`);
}

function unknownFiles(now: Measurements, trusted: Measurements): readonly ImaEntry[] {
  const entries = (list: Uint8Array): readonly ImaEntry[] =>
    parseImaList(list, { bank: 'SHA-256' }).entries;
  const known = digestsOf(imaComponents(entries(trusted.imaList)).components);
  return entries(now.imaList).filter((entry) => {
    const digest = imaEntryDigest(entry, { bank: 'SHA-256' });
    return !known.has(`${entry.pcr} ${toHex(digest)}`);
  });
}

function digestsOf(components: readonly Component[]): ReadonlySet<string> {
  return new Set(
    components.flatMap(({ hashes = [], properties = [] }) => {
      const index = properties.find(({ name }) => name === 'cmc.index')?.value;
      const sha256 = hashes.filter(({ alg }) => alg === 'SHA-256');
      return sha256.map(({ content }) => `${index} ${toHex(content)}`);
    }),
  );
}

const none = new Uint8Array();

function pcrOf({ pcrs }: Measurements, bank: HashName, pcr: number): string {
  return toHex(pcrs.get(bank)?.get(pcr) ?? none);
}

/** PCR values, and whether the digests in the list are those of its data. */
function listOutcome(list: Uint8Array): string {
  try {
    const { pcrs, mismatches } = replayImaList(list, { bank: 'SHA-1' });
    return JSON.stringify([[...pcrs].map(([pcr, value]) => [pcr, toHex(value)]), mismatches]);
  } catch (error) {
    if (error instanceof DecodeError) return 'refused';
    throw error;
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ 1;
  expect(equalBytes(changed, bytes)).toBe(false);
  return changed;
}
