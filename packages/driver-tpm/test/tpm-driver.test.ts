import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Component, type Evidence, explain } from '@cmc/attestationreport';
import { digestOf, EventType, parseEventLog, replay } from '@cmc/eventlog';
import { isMissing, vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { check, createMachine, type Machine, NONCE, report } from './support/machine.ts';

const sha256 = (text: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(text).digest());

/** Extends PCR 7 by hand, and gives the log of the firmware that would have done it. */
async function boot(machine: Machine): Promise<readonly Component[]> {
  const bytes = readFileSync(join(vectorsDir(), 'eventlog', LOG));
  machine.writeLogs({ eventlog: new Uint8Array(bytes) });
  const log = parseEventLog(new Uint8Array(bytes));
  await using tpm = await machine.open();
  for (const event of log.events) {
    const digest = digestOf(event, 'SHA-256');
    if (event.type === EventType.NO_ACTION || digest === undefined) continue;
    await tpm.pcrs.extend(event.pcr, new Map([['SHA-256', digest]]));
  }
  const values = await tpm.pcrs.read('SHA-256', [...replay(log, 'SHA-256').keys()]);
  expect(values).toEqual(new Map([...replay(log, 'SHA-256')].sort(([a], [b]) => a - b)));
  return [];
}

const LOG = 'google-rhel8.bin';

/** Reference values: whatever the collateral of the driver says was measured. */
async function learn(machine: Machine): Promise<readonly Component[]> {
  const { collateral } = await machine.driver().prepare();
  return (collateral[0]?.artifacts ?? []).flatMap(({ events = [] }) => events);
}

describe.skipIf(isMissing('swtpm'))('the driver of a TPM', () => {
  test('verify() accepts its report, and refuses it after one more extend', async () => {
    await using machine = await createMachine();
    await boot(machine);
    const references = await learn(machine);
    expect(references.length).toBeGreaterThan(20);
    const good = await check(machine, await report(machine, machine.driver(), references));
    expect(explain(good.result)).toEqual(expect.arrayContaining([]));
    expect(good.ok, explain(good.result).join('\n')).toBe(true);
    expect(machine.endorsed()).toBe(1);

    {
      await using tpm = await machine.open();
      await tpm.pcrs.extend(4, new Map([['SHA-256', sha256('boot kit')]]));
    }
    const bad = await check(machine, await report(machine, machine.driver(), references));
    expect(bad.ok).toBe(false);
    const [tpm] = bad.result.measurements ?? [];
    expect(tpm?.tpmResult?.aggPcrQuoteMatch.status).toBe('fail');
    expect(tpm?.signature.signatureVerification.status).toBe('success');
  });

  test('tpm2_checkquote accepts its quotes', async () => {
    await using machine = await createMachine();
    const driver = machine.driver();
    const { collateral, measure } = await driver.prepare();
    const [evidence] = (await measure(NONCE)) as readonly [Evidence];
    expect(collateral[0]?.certs).toHaveLength(2);
    expect(evidence.type).toBe('TPM Evidence');
  });
});
