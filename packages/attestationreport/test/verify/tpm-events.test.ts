import { toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { digest } from '../../src/crypto/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Component } from '../../src/types/report.ts';
import {
  BOOT,
  digestOfEvent,
  type FakeEvent,
  tpmComponent,
  tpmReferences,
} from '../support/tpm.ts';
import { createTpmScene, failures, faults, type TpmCase } from '../support/tpm-scene.ts';

const { run, accepted, refused } = await createTpmScene();

describe('R12, R17 where PCRs start', () => {
  const start = (value: Uint8Array, index: number, position = 0): TpmCase => ({
    artifacts: (all) =>
      all.map((log) => {
        if (log.index !== index) return log;
        const events = (log.events ?? []).filter(({ name }) => name !== 'TPM_PCR_INIT_VALUE');
        const init = tpmComponent(
          index,
          { name: 'TPM_PCR_INIT_VALUE', data: '' },
          {
            hashes: [{ alg: 'SHA-256', content: value }],
          },
        );
        return { ...log, events: events.toSpliced(position, 0, init) };
      }),
  });
  const locality = (last: number): Uint8Array => {
    const value = new Uint8Array(32);
    value[31] = last;
    return value;
  };

  test('R12 accepts PCR 0 from localities 0, 3 and 4', async () => {
    for (const each of [0, 3, 4]) expect((await run({ locality: each })).ok).toBe(true);
  });

  test('R12 refuses other start values, also when they would give the quote', async () => {
    for (const each of [1, 2, 5, 255]) await refused({ locality: each });
  });

  test('R12 refuses a start value behind an event, and one of another PCR', async () => {
    await refused(start(locality(0), 0, 1));
    await refused(start(locality(3), 4));
    expect((await run(start(locality(0), 4))).ok).toBe(true);
  });

  test('R17 starts PCR 17 to 22 with all bits set, whatever the log says', async () => {
    const events = { ...BOOT, 17: [{ name: 'DRTM', data: 'launch' }] };
    expect((await run({ events })).ok).toBe(true);
    const zeros = await refused({ events, ...start(new Uint8Array(32), 17) });
    expect(zeros.summary.errorCodes).toContain(ErrorCode.PcrNotSpecified);
  });
});

describe('R13, R15, R16 reference values', () => {
  test('R13 the name of an event does not count, its digest does', async () => {
    const renamed = { name: 'EV_EFI_BOOT_SERVICES_APPLICATION', data: 'other loader' };
    const tpm = await refused({ events: { ...BOOT, 4: [renamed] }, references: tpmReferences() });
    expect(failures(tpm).map(({ type }) => type)).toEqual(['Measurement', 'TPM']);
  });

  test('R13 an event says which PCR it is of, and must be there', async () => {
    await refused({
      artifacts: (all) =>
        all.map((log) => (log.index === 4 ? { ...log, events: moved(log.events ?? []) } : log)),
    });
  });

  test('R15 refuses a boot that lacks a mandatory event, and accepts one that lacks an optional', async () => {
    const extra = tpmComponent(4, { name: 'EV_SEPARATOR', data: 'separator 4' });
    const tpm = await refused({ references: [...tpmReferences(), extra] });
    expect(failures(tpm)).toEqual([
      expect.objectContaining({ type: 'TPM', name: 'EV_SEPARATOR', index: 4, launched: false }),
    ]);
    const optional = { ...extra, optional: true };
    expect((await run({ references: [...tpmReferences(), optional] })).ok).toBe(true);
    // A manifest that makes it optional takes nothing from one that demands it.
    for (const both of [
      [extra, optional],
      [optional, extra],
    ]) {
      await refused({ references: [...tpmReferences(), ...both] });
    }
  });

  test('R15 refuses an event more often than it stands in the manifests', async () => {
    const twice = (list: readonly FakeEvent[] = []): readonly FakeEvent[] => [...list, ...list];
    const events = { ...BOOT, 4: twice(BOOT[4]) };
    const tpm = await refused({ events, references: tpmReferences(BOOT) });
    expect(failures(tpm)).toHaveLength(1);
    expect((await run({ events, references: tpmReferences(events) })).ok).toBe(true);
    const optional = tpmReferences(BOOT).map((each) => ({ ...each, optional: true }));
    expect((await run({ events, references: optional })).ok).toBe(true);
  });

  test('R15 refuses a digest that is known in another PCR', async () => {
    const events = { ...BOOT, 4: [], 11: BOOT[4] ?? [] };
    await refused({ events, references: tpmReferences(BOOT) });
  });

  test('R16 refuses a report in which no event has a reference', async () => {
    const tpm = await refused({ events: { 11: [] }, references: [] });
    expect(tpm.summary.errorCodes).toContain(ErrorCode.RefValNotPresent);
    const optional = tpmReferences().map((each) => ({ ...each, optional: true }));
    await refused({ events: { 0: [], 4: [], 10: [] }, references: optional });
  });

  test('R16 refuses a reference without a PCR, or without a digest of the bank', async () => {
    const [first, ...others] = tpmReferences();
    const odd = [
      { ...(first as Component), properties: [{ name: 'cmc.ta', value: 'TPM' }] },
      { ...(first as Component), hashes: [{ alg: 'SHA-384', content: new Uint8Array(48) }] },
      tpmComponent(24, { name: 'x', data: 'x' }),
    ];
    for (const each of odd) {
      const tpm = await refused({ references: [...others, each] });
      expect(tpm.summary.errorCodes).toContain(ErrorCode.RefValType);
    }
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
  const measured = (events: readonly FakeEvent[]): TpmCase => ({
    events: { 7: events },
    references,
  });

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

function moved(events: readonly Component[]): readonly Component[] {
  return events.map((event) => ({
    ...event,
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: '7' },
    ],
  }));
}
