import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { prefixes } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { encodeFrame, FrameChannel } from '../src/frame-channel.ts';

const MAX = 1024 * 1024;

function open(signal: AbortSignal = never()): { stream: PassThrough; channel: FrameChannel } {
  const stream = new PassThrough();
  return { stream, channel: new FrameChannel(stream, signal) };
}

test('reads messages in order, however their bytes are cut', async () => {
  const bodies = [Buffer.from('a'), Buffer.alloc(100_000, 1), Buffer.from('last')];
  const bytes = Buffer.concat(bodies.map((body) => encodeFrame(body)));
  for (const size of [1, 3, 4, 5, 65_536, bytes.length]) {
    const { stream, channel } = open();
    const reading = (async () => {
      const read: Uint8Array[] = [];
      for (const _ of bodies) read.push(await channel.read(MAX));
      return read;
    })();
    for (let at = 0; at < bytes.length; at += size) {
      if (!stream.write(bytes.subarray(at, at + size))) await once(stream, 'drain');
    }
    expect((await reading).map((body) => Buffer.from(body))).toEqual(bodies);
  }
}, 30_000);

test('leaves every byte behind the last message in the stream', async () => {
  const { stream, channel } = open();
  stream.end(Buffer.concat([encodeFrame(Buffer.from('frame')), Buffer.from('application')]));
  expect(Buffer.from(await channel.read(MAX)).toString()).toBe('frame');
  channel.release();
  let rest = '';
  for await (const chunk of stream) rest += chunk;
  expect(rest).toBe('application');
});

test('leaves a stream that flows again for a listener of data', async () => {
  const { stream, channel } = open();
  stream.write(encodeFrame(Buffer.from('frame')));
  await channel.read(MAX);
  channel.release();
  stream.write('later');
  const [chunk] = await once(stream, 'data');
  expect(String(chunk)).toBe('later');
});

test('writes a message with its length in one piece', async () => {
  const written: Buffer[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk, _, callback) {
      written.push(chunk);
      callback();
    },
  });
  await new FrameChannel(stream, never()).write(Buffer.from('body'));
  expect(written).toEqual([Buffer.from('\0\0\0\x04body')]);
});

test('accepts a message of exactly the limit, and refuses one byte more', async () => {
  const { stream, channel } = open();
  stream.write(encodeFrame(new Uint8Array(10)));
  expect(await channel.read(10)).toHaveLength(10);
  stream.write(encodeFrame(new Uint8Array(11)));
  await expect(channel.read(10)).rejects.toMatchObject({ code: 'ERR_ATLS_LIMIT' });
});

test('R46 refuses a length of 4 GiB without a byte of body and without memory for it', async () => {
  const { stream, channel } = open();
  stream.write(Buffer.alloc(4, 0xff));
  const before = process.memoryUsage().arrayBuffers;
  await expect(channel.read(MAX)).rejects.toMatchObject({ code: 'ERR_ATLS_LIMIT' });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MAX);
});

test('R46 takes memory for a message as it arrives, not as it is announced', async () => {
  const { stream, channel } = open();
  const announced = 512 * 1024 * 1024;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(announced);
  const before = process.memoryUsage().arrayBuffers;
  const reading = channel.read(announced);
  stream.write(Buffer.concat([length, Buffer.alloc(100)]));
  await new Promise(setImmediate);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  stream.end();
  await expect(reading).rejects.toMatchObject({ code: 'ERR_ATLS_CLOSED' });
});

test('refuses a message without content', async () => {
  const { stream, channel } = open();
  stream.write(Buffer.alloc(4));
  await expect(channel.read(MAX)).rejects.toMatchObject({ code: 'ERR_ATLS_PROTOCOL' });
});

test('reports the end of the stream within a message, wherever it is', async () => {
  for (const prefix of prefixes(encodeFrame(Buffer.from('body')))) {
    const { stream, channel } = open();
    stream.end(prefix);
    await expect(channel.read(MAX)).rejects.toMatchObject({ code: 'ERR_ATLS_CLOSED' });
  }
});

test('reports the end of a stream that ended before anybody read', async () => {
  const { stream, channel } = open();
  stream.end();
  await new Promise(setImmediate);
  await expect(channel.read(MAX)).rejects.toMatchObject({ code: 'ERR_ATLS_CLOSED' });
});

test('stops waiting with the reason of the signal', async () => {
  const controller = new AbortController();
  const stream = new Duplex({ read() {}, write() {} });
  const channel = new FrameChannel(stream, controller.signal);
  const waiting = [channel.read(MAX), channel.write(Buffer.from('x'))];
  const reason = new Error('enough');
  controller.abort(reason);
  for (const one of waiting) await expect(one).rejects.toBe(reason);
  await expect(channel.read(MAX)).rejects.toBe(reason);
  await expect(channel.write(Buffer.from('x'))).rejects.toBe(reason);
});

test('reports a write that fails', async () => {
  const stream = new Duplex({
    read() {},
    write: (_, __, callback) => callback(Object.assign(new Error('gone'), { code: 'EPIPE' })),
  });
  stream.on('error', () => {});
  const channel = new FrameChannel(stream, never());
  await expect(channel.write(Buffer.from('x'))).rejects.toMatchObject({
    code: 'ERR_ATLS_CLOSED',
    cause: { code: 'EPIPE' },
  });
});

function never(): AbortSignal {
  return new AbortController().signal;
}
