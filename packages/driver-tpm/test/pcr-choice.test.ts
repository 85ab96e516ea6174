import type { Component } from '@cmc/attestationreport';
import { encodeUtf8 } from '@cmc/bytes';
import { isMissing } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import type { TpmDriver, TpmDriverOptions } from '../src/index.ts';
import { check, createMachine, type Machine, NONCE, report } from './support/machine.ts';

const STATIC = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 23];
const DYNAMIC = [17, 18, 19, 20, 21, 22];
const LAUNCHED = 'a kernel that was launched late';

/** PCRs of a snapshot, which are also those that are quoted. */
async function quoted(driver: TpmDriver): Promise<readonly (number | undefined)[]> {
  const { collateral, measure } = await driver.prepare();
  expect(await measure(NONCE)).toHaveLength(1);
  return (collateral[0]?.artifacts ?? []).map(({ index }) => index);
}

/** Reference values of whole PCRs, as they are now. */
async function learn(machine: Machine, pcrs: readonly number[]): Promise<readonly Component[]> {
  await using tpm = await machine.open();
  return [...(await tpm.pcrs.read('SHA-256', pcrs))].map(([pcr, content]) => ({
    type: 'operating-system',
    name: 'PCR Summary',
    hashes: [{ alg: 'SHA-256', content }],
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: String(pcr) },
    ],
  }));
}

describe.skipIf(isMissing('swtpm', 'swtpm_ioctl'))('the PCRs that are quoted', () => {
  const SUMMARY: Partial<TpmDriverOptions> = { measurementLogs: false };

  test('are 0 to 16 and 23, also when something was extended into one of the last', async () => {
    await using machine = await createMachine();
    expect(await quoted(machine.driver(SUMMARY))).toEqual(STATIC);
    {
      await using tpm = await machine.open();
      await tpm.pcrs.event(23, encodeUtf8('an application'));
    }
    expect(await quoted(machine.driver(SUMMARY))).toEqual(STATIC);
  });

  test.each([SUMMARY, {}])(
    'are 17 to 22 after a dynamic launch, until a reboot: %o',
    async (options) => {
      await using machine = await createMachine();
      machine.swtpm.launch(LAUNCHED);
      expect(await quoted(machine.driver(options))).toEqual(DYNAMIC);
      await machine.swtpm.reboot();
      expect(await quoted(machine.driver(options))).toEqual(STATIC);
    },
  );

  test.each<[readonly number[], readonly number[], readonly number[]]>([
    [[0, 16, 23], STATIC.slice(1, -2), DYNAMIC],
    // That PCR 17 is not quoted does not hide that there was a launch.
    [[17, 22], STATIC, [18, 19, 20, 21]],
    [[5, 18], STATIC.filter((pcr) => pcr !== 5), [17, 19, 20, 21, 22]],
  ])('are without %j: %j before a launch, %j after it', async (excludePcrs, before, after) => {
    await using machine = await createMachine();
    const options = { ...SUMMARY, excludePcrs };
    expect(await quoted(machine.driver(options))).toEqual(before);
    machine.swtpm.launch(LAUNCHED);
    expect(await quoted(machine.driver(options))).toEqual(after);
  });

  test('verify by reference values of whole PCRs, and another launch is refused, by name', async () => {
    await using machine = await createMachine();
    machine.swtpm.launch(LAUNCHED);
    const driver = machine.driver(SUMMARY);
    const references = await learn(machine, DYNAMIC);
    const { ok } = await check(machine, await report(machine, driver, references));
    expect(ok).toBe(true);
    machine.swtpm.launch('something else');
    const other = await check(machine, await report(machine, driver, references));
    expect(other.ok).toBe(false);
    const failed = other.result.measurements?.[0]?.artifacts?.filter(({ success }) => !success);
    expect(failed?.map(({ index }) => index)).toEqual([17]);
  });

  test('are all in the bank that was asked for', async () => {
    await using machine = await createMachine({ ek: true });
    machine.swtpm.launch(LAUNCHED);
    const driver = machine.driver({ ...SUMMARY, hashAlg: 'SHA-384' });
    const { collateral } = await driver.prepare();
    const contents = collateral[0]?.artifacts?.map(({ events }) => events?.[0]?.hashes?.[0]);
    expect(contents?.map((each) => [each?.alg, each?.content.length])).toEqual(
      DYNAMIC.map(() => ['SHA-384', 48]),
    );
  });
});
