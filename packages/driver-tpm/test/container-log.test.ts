import { createHash } from 'node:crypto';
import type { Artifact, Component } from '@cmc/attestationreport';
import { CmcError, concatBytes } from '@cmc/bytes';
import { isMissing } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { type AppendableContainerLog, measuredContainerLog } from '../src/index.ts';
import { check, createMachine, type Machine, report } from './support/machine.ts';

const PCR = 11;

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(concatBytes(...parts))
      .digest(),
  );
}

function container(name: string): Component {
  return {
    type: 'container',
    name,
    hashes: [{ alg: 'SHA-256', content: sha256(new TextEncoder().encode(name)) }],
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: String(PCR) },
    ],
  };
}

/** A log in memory, as a file would be. */
function memoryLog(): AppendableContainerLog {
  const events: Component[] = [];
  return {
    read: async (): Promise<Artifact | undefined> =>
      events.length === 0 ? undefined : { type: 'SW Eventlog', index: PCR, events: [...events] },
    append: async (event) => {
      if (events.some(({ name }) => name === event.name)) return 'known';
      events.push(event);
      return 'appended';
    },
  };
}

async function pcr(machine: Machine): Promise<Uint8Array | undefined> {
  await using tpm = await machine.open();
  return (await tpm.pcrs.read('SHA-256', [PCR])).get(PCR);
}

function extendedBy(...names: readonly string[]): Uint8Array {
  return names.reduce<Uint8Array>(
    (value, name) => sha256(value, sha256(new TextEncoder().encode(name))),
    new Uint8Array(32),
  );
}

describe.skipIf(isMissing('swtpm'))('a measured container log', () => {
  test('extends the PCR once for each container, and reports prove it', async () => {
    await using machine = await createMachine();
    const log = measuredContainerLog(memoryLog(), machine.access);
    const outcomes = await Promise.all(
      ['web', 'db', 'web'].map(async (name) => await log.append(container(name))),
    );
    expect(outcomes).toEqual(['appended', 'appended', 'known']);
    expect(await pcr(machine)).toEqual(extendedBy('web', 'db'));

    const driver = machine.driver({ containerLog: log });
    const both = [container('web'), container('db')];
    expect((await check(machine, await report(machine, driver, both))).ok).toBe(true);
    const one = await check(machine, await report(machine, driver, both.slice(0, 1)));
    expect(one.ok).toBe(false);
    const unknown = one.result.measurements?.[0]?.artifacts?.filter(({ success }) => !success);
    expect(unknown).toMatchObject([{ name: 'db', index: PCR }]);
  });

  test('extends after a crash what was written and not extended, at the next start', async () => {
    await using machine = await createMachine();
    const file = memoryLog();
    const crashing = measuredContainerLog(file, {
      use: async () => {
        throw new CmcError('ERR_TEST', 'killed');
      },
    });
    await measuredContainerLog(file, machine.access).append(container('web'));
    await expect(crashing.append(container('db'))).rejects.toMatchObject({ code: 'ERR_TEST' });
    expect(await pcr(machine)).toEqual(extendedBy('web'));
    const log = measuredContainerLog(file, machine.access);
    await log.read();
    expect(await pcr(machine)).toEqual(extendedBy('web', 'db'));
    await log.read();
    expect(await pcr(machine)).toEqual(extendedBy('web', 'db'));
  });

  test('says more than was started after a reboot, never less', async () => {
    await using machine = await createMachine();
    const file = memoryLog();
    await measuredContainerLog(file, machine.access).append(container('web'));
    await machine.swtpm.reboot();
    await measuredContainerLog(file, machine.access).append(container('db'));
    expect(await pcr(machine)).toEqual(extendedBy('web', 'db'));
  });

  test('refuses to go on where others extend the PCR, and reports are refused', async () => {
    await using machine = await createMachine();
    const log = measuredContainerLog(memoryLog(), machine.access);
    await log.append(container('web'));
    {
      await using tpm = await machine.open();
      await tpm.pcrs.extend(PCR, new Map([['SHA-256', new Uint8Array(32).fill(1)]]));
    }
    await expect(log.append(container('db'))).rejects.toMatchObject({
      code: 'ERR_TPM_DRIVER_CONTAINER_LOG',
    });
    const driver = machine.driver({ containerLog: log });
    const references = [container('web'), container('db')];
    expect((await check(machine, await report(machine, driver, references))).ok).toBe(false);
  });

  test('is of bank SHA-256 only', async () => {
    await using machine = await createMachine();
    const log = measuredContainerLog(memoryLog(), machine.access);
    await log.append(container('web'));
    const driver = machine.driver({ containerLog: log, hashAlg: 'SHA-384' });
    await expect(driver.prepare()).rejects.toMatchObject({ code: 'ERR_TPM_DRIVER_CONTAINER_LOG' });
  });
});
