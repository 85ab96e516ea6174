import { createCmcClient } from '@cmc/api';
import { createNonce, generate, type Serialization } from '@cmc/attestationreport';
import { createTestbed } from '@cmc/testbed';
import { flipEachByte } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { APIS, serve } from './support/apis.ts';
import { createPartyCmc } from './support/in-process.ts';

/** Requests that are on their way at the same time. */
const CONCURRENCY = 16;
const TIMEOUT_MS = 120_000;

/** Runs `work` on each item, a few at a time. */
async function forEach<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

describe.each<Serialization>(['json', 'cbor'])('in %s', (serialization) => {
  async function start() {
    const testbed = await createTestbed({ serialization });
    const party = await testbed.party('host');
    const api = APIS.find((each) => each.unix && each.serialization === serialization);
    if (api === undefined) throw new Error('no such API');
    const address = await serve(await createPartyCmc(testbed, party), api);
    const client = await createCmcClient(address);
    onTestFinished(async () => await client.close());
    const verdictOn = async (nonce: Uint8Array, report: Uint8Array): Promise<string> =>
      (await client.verify({ nonce, report })).result.summary.status;
    return { party, client, verdictOn };
  }

  test('every changed byte of a report is refused by the daemon', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { client, verdictOn } = await start();
    const nonce = createNonce();
    const { report } = await client.attest({ nonce }, { serialization });
    expect(await verdictOn(nonce, report)).toBe('success');
    const accepted: number[] = [];
    await forEach(flipEachByte(report), async ({ offset, bytes }) => {
      if ((await verdictOn(nonce, bytes)) !== 'fail') accepted.push(offset);
    });
    expect(accepted).toStrictEqual([]);
    expect(await verdictOn(nonce, report)).toBe('success');
  });

  test('every changed byte of its metadata is refused by the daemon', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { party, verdictOn } = await start();
    const nonce = createNonce();
    const reportWith = async (metadata: readonly Uint8Array[]) =>
      await generate({ measurers: [party.driver], nonce, metadata, serialization });
    expect(await verdictOn(nonce, await reportWith(party.metadata))).toBe('success');
    for (const [index, item] of party.metadata.entries()) {
      const accepted: number[] = [];
      await forEach(flipEachByte(item), async ({ offset, bytes }) => {
        const report = await reportWith(party.metadata.with(index, bytes));
        if ((await verdictOn(nonce, report)) !== 'fail') accepted.push(offset);
      });
      expect(accepted, `item ${index}`).toStrictEqual([]);
    }
  });
});
