import { isMissing } from '@cmc/testkit';
import { openTpm, TPM_CC } from 'tpm2-ts';
import { openSocket } from 'tpm2-ts/transport';
import { describe, expect, test } from 'vitest';
import { createTpmAccess, type OpenTpm } from '../src/index.ts';
import { createMachine, type Machine } from './support/machine.ts';

/** TPM_RC_OBJECT_MEMORY, as a whole response. */
const OBJECT_MEMORY = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x09, 0x02);
const AT_CODE = 6;

/** A TPM that has no room for objects so often. */
function fullTpm({ swtpm }: Machine, times: number): { open: OpenTpm; refused: () => number } {
  let refused = 0;
  return {
    refused: () => refused,
    open: async () => {
      const transport = await openSocket({ path: swtpm.path });
      return await openTpm({
        transport: {
          transmit: async (command) => {
            const isLoad = new DataView(command.buffer, command.byteOffset).getUint32(AT_CODE);
            if (isLoad !== TPM_CC.Load || refused >= times)
              return await transport.transmit(command);
            refused += 1;
            return OBJECT_MEMORY;
          },
          close: async () => await transport.close(),
        },
      });
    },
  };
}

describe.skipIf(isMissing('swtpm'))('the access to a TPM', () => {
  test('tries again when others have loaded too much', async () => {
    await using machine = await createMachine();
    const { open, refused } = fullTpm(machine, 4);
    const driver = machine.driver({ access: createTpmAccess(open) });
    const { measure } = await driver.prepare();
    await expect(measure(new Uint8Array(32))).resolves.toHaveLength(1);
    expect(refused()).toBe(4);
  });

  test('gives up when there is never room', async () => {
    await using machine = await createMachine();
    const { open, refused } = fullTpm(machine, Number.POSITIVE_INFINITY);
    const driver = machine.driver({ access: createTpmAccess(open) });
    await expect(driver.prepare()).rejects.toMatchObject({
      code: 'ERR_TPM_RESPONSE',
      response: { name: 'OBJECT_MEMORY' },
    });
    expect(refused()).toBe(12);
  });

  test('ends waiting when it is told to', async () => {
    await using machine = await createMachine();
    const access = createTpmAccess(fullTpm(machine, Number.POSITIVE_INFINITY).open);
    const driver = machine.driver({ access });
    const signal = AbortSignal.timeout(50);
    await expect(driver.prepare({ signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('is shared by programs that do not know of each other', async () => {
    await using machine = await createMachine();
    await machine.driver().prepare();
    // Each with connections and a queue of its own.
    const programs = Array.from({ length: 3 }, () =>
      machine.driver({ access: createTpmAccess(machine.open) }),
    );
    const evidences = await Promise.all(
      programs.map(async (driver) => {
        const made: unknown[] = [];
        for (let round = 0; round < 5; round++) {
          const { measure } = await driver.prepare();
          made.push(...(await measure(new Uint8Array(32).fill(round))));
        }
        return made;
      }),
    );
    expect(evidences.flat()).toHaveLength(15);
    expect(machine.endorsed()).toBe(1);
  });
});
