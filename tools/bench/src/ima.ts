import { createHash } from 'node:crypto';
import { ByteWriter, encodeUtf8 } from '@cmc/bytes';
import { ImaReplay } from '@cmc/ima';
import { atLeast, atMost, type Figure, median, shown } from './benchmark.ts';

const ENTRIES = 1_000_000;
const DISTINCT = 20_000;
const ROUNDS = 5;
const MEBIBYTE = 1024 * 1024;
const HASHED_BYTES = 64 * MEBIBYTE;

/** Parse and replay of a long list as it arrives in pieces, beside plain SHA-256 of one buffer. */
export async function ima(): Promise<readonly Figure[]> {
  const part = list();
  const rates: number[] = [];
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    seconds.push(cpuSeconds(() => replay(part)));
    rates.push(ENTRIES / (seconds.at(-1) ?? Number.NaN));
  }
  const plain = cpuSeconds(() =>
    createHash('sha256').update(new Uint8Array(HASHED_BYTES)).digest(),
  );
  const bytes = (part.length * ENTRIES) / DISTINCT;
  const ratio = median(seconds) / ((plain * bytes) / HASHED_BYTES);
  return [
    atLeast('IMA entries parsed and replayed, SHA-256', median(rates), '/s', 700_000),
    shown('time per byte, node:crypto over one buffer = 1', ratio, ''),
    atMost('peak RSS while streaming', process.resourceUsage().maxRSS / 1024, 'MB', 150),
  ];
}

function replay(part: Uint8Array): void {
  const stream = new ImaReplay({ bank: 'SHA-256' });
  for (let sent = 0; sent < ENTRIES; sent += DISTINCT) {
    for (let at = 0; at < part.length; at += MEBIBYTE)
      stream.push(part.subarray(at, at + MEBIBYTE));
  }
  const { count, violations } = stream.finish();
  if (count !== ENTRIES || violations !== 0) throw new Error(`${count} entries were replayed`);
}

/** Seconds of processor time: other work on the machine does not count. */
function cpuSeconds(run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

/** Entries of the ima-ng template, each of another file. */
function list(): Uint8Array {
  const writer = new ByteWriter('little');
  const name = encodeUtf8('ima-ng');
  for (let i = 0; i < DISTINCT; i++) {
    const file = createHash('sha256').update(`file ${i}`).digest();
    const path = encodeUtf8(`/usr/lib/x86_64-linux-gnu/lib${i}.so.1.2.3\0`);
    const data = new ByteWriter('little').u32(40).bytes(encodeUtf8('sha256:\0')).bytes(file);
    const bytes = data.u32(path.length).bytes(path).finish();
    const digest = createHash('sha1').update(bytes).digest();
    writer.u32(10).bytes(digest).u32(name.length).bytes(name).u32(bytes.length).bytes(bytes);
  }
  return writer.finish();
}
