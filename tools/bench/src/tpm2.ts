import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fromHex } from '@cmc/bytes';
import { startSwtpm } from '@cmc/testkit';
import { keyTemplate, openTpm } from 'tpm2-ts';
import { atMost, type Figure, median, shown } from './benchmark.ts';

const RUNS = 2000;
const WARM_UP = 200;
/** TPM2_GetRandom of 16 bytes, and TPM2_PCR_Read of eight PCRs. */
const GET_RANDOM = fromHex('80010000000c0000017b0010');
const PCR_READ = fromHex('8001000000140000017e00000001000b03ff0000');

/** What tpm2-ts adds to the time of a command over a bare socket, each to an swtpm of its own. */
export async function tpm2(): Promise<readonly Figure[]> {
  await using bare = await startSwtpm();
  await using library = await startSwtpm();
  const socket = connect(bare.path);
  await once(socket, 'connect');
  const tpm = await openTpm({ socket: { path: library.path } });
  const scheme = { scheme: 'ECDSA', hash: 'SHA-256' } as const;
  const template = keyTemplate({ key: 'P-256', restricted: true, scheme });
  const key = await tpm.createPrimary('owner', { template });
  const session = await tpm.startSession({
    type: 'hmac',
    encryption: 'AES-128-CFB',
  });
  const pcrs = [0, 1, 2, 3, 4, 5, 6, 7];
  const times = await timeInTurns([
    () => transact(socket, GET_RANDOM),
    () => tpm.getRandom(16),
    () => transact(socket, PCR_READ),
    () => tpm.pcrs.read('SHA-256', pcrs),
  ]);
  const slower = await timeInTurns([
    () => tpm.getRandom(16, { protection: session }),
    () => tpm.quote(key, { pcrs: [{ bank: 'SHA-256', pcrs }] }),
  ]);
  await tpm.close();
  socket.destroy();
  const [bareRandom = NaN, random = NaN, bareRead = NaN, read = NaN] = times;
  const [secured = NaN, quote = NaN] = slower;
  return [
    shown('GetRandom over a bare socket, p50', bareRandom, 'ms'),
    atMost('added to GetRandom, p50', random - bareRandom, 'ms', 0.3),
    shown('PCR_Read over a bare socket, p50', bareRead, 'ms'),
    atMost('added to PCR_Read, p50', read - bareRead, 'ms', 0.3),
    shown('GetRandom in an encrypting HMAC session, p50', secured, 'ms'),
    shown('Quote, ECDSA P-256, p50', quote, 'ms'),
  ];
}

/**
 * Medians of the times of `runs`, in turns so that other load hits all of them alike, and back and
 * forth so that none always comes after the same other one.
 */
async function timeInTurns(runs: readonly (() => Promise<unknown>)[]): Promise<readonly number[]> {
  const times: number[][] = runs.map(() => []);
  for (let i = 0; i < WARM_UP + RUNS; i++) {
    const order = [...runs.entries()];
    if (i % 2 === 1) order.reverse();
    for (const [index, run] of order) {
      const start = performance.now();
      await run();
      if (i >= WARM_UP) times[index]?.push(performance.now() - start);
    }
  }
  return times.map(median);
}

/** Sends a command and waits for the whole response, which must be one of success. */
async function transact(socket: Socket, command: Uint8Array): Promise<void> {
  socket.write(command);
  const [response] = (await once(socket, 'data')) as [Buffer];
  if (response.readUInt32BE(2) !== response.length || response.readUInt32BE(6) !== 0) {
    throw new Error(`unexpected response ${response.toString('hex')}`);
  }
}
