import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ByteWriter, concatBytes, DecodeError, fromHex } from '@cmc/bytes';
import { prefixes } from '@cmc/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import {
  decodeResponseCode,
  describeResponseCode,
  isTpmResponse,
  openTpm,
  storageKeyTemplate,
  Tpm,
} from '../src/index.ts';
import { openDevice, openSimulator, openSocket, type Transport } from '../src/transport/index.ts';

const RC_RETRY = 0x922;
const CC_FLUSH = 0x165;
const CC_START_SESSION = 0x176;
const RANDOM = response(0, fromHex('0004aabbccdd'));

function response(rc: number, body: Uint8Array = new Uint8Array(), tag = 0x8001): Uint8Array {
  return new ByteWriter()
    .u16(rc === 0 ? tag : 0x8001)
    .u32(10 + body.length)
    .u32(rc)
    .bytes(body)
    .finish();
}

function codeOf(command: Uint8Array): number {
  return new DataView(command.buffer, command.byteOffset).getUint32(6);
}

/** A TPM that answers as it is told, and remembers what it was asked. */
function fakeTransport(answer: (command: Uint8Array) => Uint8Array | Promise<Uint8Array>): {
  readonly transport: Transport;
  readonly commands: Uint8Array[];
  readonly isClosed: () => boolean;
} {
  const commands: Uint8Array[] = [];
  let closed = false;
  let busy = false;
  return {
    commands,
    isClosed: () => closed,
    transport: {
      async transmit(command) {
        expect(busy).toBe(false);
        busy = true;
        commands.push(command);
        try {
          return await answer(command);
        } finally {
          busy = false;
        }
      },
      async close() {
        closed = true;
      },
    },
  };
}

describe('response codes', () => {
  test.each([
    [0x98e, 'AUTH_FAIL', { type: 'session', number: 1 }, false],
    [0x2c4, 'VALUE', { type: 'parameter', number: 2 }, false],
    [0x18b, 'HANDLE', { type: 'handle', number: 1 }, false],
    [0x1df, 'INTEGRITY', { type: 'parameter', number: 1 }, false],
    [0x08b, 'HANDLE', undefined, false],
    [0x902, 'OBJECT_MEMORY', undefined, true],
    [0x921, 'LOCKOUT', undefined, true],
    [0x100, 'INITIALIZE', undefined, false],
    [0x910, 'REFERENCE_H0', undefined, true],
    [0x91a, 'REFERENCE_S2', undefined, true],
    [0x000b_0902, 'OBJECT_MEMORY', undefined, true],
    [0x917, 'UNKNOWN', undefined, true],
    [0x500, 'UNKNOWN', undefined, false],
    [0x01e, 'UNKNOWN', undefined, false],
    [0, 'SUCCESS', undefined, false],
  ] as const)('0x%s is %s about %o', (code, name, about, isWarning) => {
    const decoded = decodeResponseCode(code);
    expect(decoded).toMatchObject({ code, name, isWarning });
    expect(decoded.about).toEqual(about);
  });

  test('one line says what it is about', () => {
    expect(describeResponseCode(decodeResponseCode(0x2c4))).toBe(
      'TPM_RC_VALUE (0x2c4, parameter 2): value is out of range or not correct for the context',
    );
  });
});

describe('commands on a connection', () => {
  test('are sent again when the TPM asks for it, but not for ever', async () => {
    let left = 3;
    const patient = fakeTransport(() => (left-- > 0 ? response(RC_RETRY) : RANDOM));
    const tpm = new Tpm(patient.transport);
    expect(await tpm.getRandom(4)).toEqual(fromHex('aabbccdd'));
    expect(patient.commands).toHaveLength(4);
    const stubborn = fakeTransport(() => response(RC_RETRY));
    const impatient = new Tpm(stubborn.transport, { maxRetries: 2 });
    await expect(impatient.getRandom(4)).rejects.toSatisfy((error) =>
      isTpmResponse(error, 'RETRY'),
    );
    expect(stubborn.commands).toHaveLength(3);
  });

  test.each([0x908, 0x90a])('response code %i is a wish to repeat, too', async (rc) => {
    let left = 1;
    const { transport, commands } = fakeTransport(() => (left-- > 0 ? response(rc) : RANDOM));
    await new Tpm(transport).getRandom(4);
    expect(commands).toHaveLength(2);
  });

  test('run one after the other', async () => {
    const { transport, commands } = fakeTransport(async () => {
      await sleep(2);
      return RANDOM;
    });
    const tpm = new Tpm(transport);
    await Promise.all(Array.from({ length: 10 }, () => tpm.getRandom(4)));
    expect(commands).toHaveLength(10);
  });

  test('end with the deadline or the signal; the next waits for the answer of the last', async () => {
    let calls = 0;
    const { transport, commands } = fakeTransport(async () => {
      await sleep(calls++ === 0 ? 60 : 0);
      return RANDOM;
    });
    const tpm = new Tpm(transport);
    const late = tpm.getRandom(4, { timeoutMs: 5 });
    const controller = new AbortController();
    const aborted = tpm.getRandom(4, { signal: controller.signal });
    const next = tpm.getRandom(4);
    controller.abort(new Error('enough'));
    const [timedOut, ended, done] = await Promise.allSettled([late, aborted, next]);
    expect(timedOut).toMatchObject({ reason: { code: 'ERR_TPM_TIMEOUT' } });
    expect(ended).toMatchObject({ reason: { message: 'enough' } });
    expect(done).toMatchObject({ value: fromHex('aabbccdd') });
    // What was given up before its turn came was never sent.
    expect(commands).toHaveLength(2);
    await expect(tpm.getRandom(4, { signal: controller.signal })).rejects.toThrow('enough');
  });

  const SESSION = response(0, concatBytes(fromHex('030000010020'), new Uint8Array(32)));

  test('a handle that arrives after the deadline is flushed', async () => {
    const { transport, commands } = fakeTransport(async (command) => {
      if (codeOf(command) !== CC_START_SESSION) return response(0);
      await sleep(30);
      return SESSION;
    });
    const tpm = new Tpm(transport);
    await expect(tpm.startSession({ type: 'policy', timeoutMs: 5 })).rejects.toMatchObject({
      code: 'ERR_TPM_TIMEOUT',
    });
    await sleep(60);
    expect(commands.map(codeOf)).toEqual([CC_START_SESSION, CC_FLUSH]);
    expect(commands[1]?.slice(10)).toEqual(fromHex('03000001'));
  });

  test('a handle in a response that is malformed behind it is flushed', async () => {
    for (const body of prefixes(SESSION.slice(10))) {
      const { transport, commands } = fakeTransport((command) =>
        response(0, codeOf(command) === CC_START_SESSION ? body : new Uint8Array()),
      );
      await expect(new Tpm(transport).startSession({ type: 'hmac' })).rejects.toThrow(DecodeError);
      expect(commands).toHaveLength(body.length < 4 ? 1 : 2);
    }
  });

  test('R02 every prefix of a response, and a longer one, is refused', async () => {
    const longer = concatBytes(RANDOM, Uint8Array.of(0));
    for (const answer of [...prefixes(RANDOM), longer, response(0, fromHex('0004aabbccdd00'))]) {
      const { transport } = fakeTransport(() => answer);
      await expect(new Tpm(transport).getRandom(4)).rejects.toThrow(DecodeError);
    }
    const { transport } = fakeTransport(() => response(0, fromHex('0004aabbccdd'), 0x8002));
    await expect(new Tpm(transport).getRandom(4)).rejects.toThrow(DecodeError);
  });

  test('a response that its session does not authorise is refused', async () => {
    const { transport } = fakeTransport((command) => {
      if (codeOf(command) === CC_START_SESSION) return SESSION;
      if (codeOf(command) === CC_FLUSH) return response(0);
      const parameters = new ByteWriter().sized16(fromHex('aabbccdd')).finish();
      const session = new ByteWriter()
        .sized16(new Uint8Array(32))
        .u8(1)
        .sized16(new Uint8Array(32));
      const body = new ByteWriter().sized32(parameters).bytes(session.finish()).finish();
      return response(0, body, 0x8002);
    });
    const tpm = new Tpm(transport);
    await using session = await tpm.startSession({ type: 'hmac' });
    await expect(tpm.getRandom(4, { protection: session })).rejects.toMatchObject({
      code: 'ERR_TPM_SESSION',
    });
  });

  test('close flushes what is loaded, and nothing works afterwards', async () => {
    const { transport, commands, isClosed } = fakeTransport((command) =>
      codeOf(command) === CC_START_SESSION ? SESSION : response(0),
    );
    const tpm = new Tpm(transport);
    const session = await tpm.startSession({ type: 'policy' });
    await tpm.close();
    await session.flush();
    await tpm.close();
    expect(isClosed()).toBe(true);
    expect(commands.map(codeOf)).toEqual([CC_START_SESSION, CC_FLUSH]);
    await expect(tpm.getRandom(1)).rejects.toMatchObject({ code: 'ERR_TPM_TRANSPORT' });
  });

  test('after a failure of the transport the connection is closed', async () => {
    const { transport, isClosed } = fakeTransport(() => {
      throw new Error('gone');
    });
    const tpm = new Tpm(transport);
    await expect(tpm.getRandom(1)).rejects.toThrow('gone');
    expect(isClosed()).toBe(true);
    await expect(tpm.getRandom(1)).rejects.toMatchObject({ code: 'ERR_TPM_TRANSPORT' });
  });

  test('a public area that does not fit the name is refused, and the object flushed', async () => {
    const ticket = fromHex('8021400000010000');
    const area = concatBytes(
      fromHex('000800 0b'.replaceAll(' ', '')),
      new Uint8Array(4),
      fromHex('000000100000'),
    );
    const body = new ByteWriter()
      .sized16(area)
      .sized16(new Uint8Array())
      .sized16(new Uint8Array())
      .bytes(ticket)
      .sized16(concatBytes(fromHex('000b'), new Uint8Array(32)))
      .finish();
    const { transport, commands } = fakeTransport((command) => {
      if (codeOf(command) === CC_FLUSH) return response(0);
      const all = new ByteWriter().u32(0x8000_0000).sized32(body).bytes(fromHex('0000010000'));
      return response(0, all.finish(), 0x8002);
    });
    const primary = new Tpm(transport).createPrimary('owner', { template: storageKeyTemplate() });
    await expect(primary).rejects.toMatchObject({ code: 'ERR_TPM_TRANSPORT' });
    expect(commands.map(codeOf)).toContain(CC_FLUSH);
  });
});

describe('transports', () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  async function listen(onData: (socket: Socket, data: Uint8Array) => void): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'tpm2-ts-'));
    const path = join(folder, 'socket');
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on('data', (data) => onData(socket, new Uint8Array(data)));
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return path;
  }

  test('the simulator is powered on, and commands are framed', async () => {
    const signals: Uint8Array[] = [];
    const platform = await listen((socket, data) => {
      signals.push(data);
      if (signals.length <= 2) socket.write(new Uint8Array(4));
    });
    const frames: Uint8Array[] = [];
    const path = await listen((socket, data) => {
      frames.push(data);
      socket.write(new ByteWriter().sized32(RANDOM).u32(0).finish());
    });
    const tpm = await openTpm({ simulator: { path, platform: { path: platform } } });
    expect(await tpm.getRandom(4)).toEqual(fromHex('aabbccdd'));
    await tpm.close();
    expect(signals.slice(0, 2)).toEqual([fromHex('00000001'), fromHex('0000000b')]);
    expect(frames[0]).toEqual(fromHex('00000008000000000c80010000000c0000017b0004'));
  });

  test('a simulator that does not acknowledge is refused', async () => {
    const path = await listen((socket) => {
      socket.write(new ByteWriter().sized32(RANDOM).u32(1).finish());
    });
    const transport = await openSimulator({ path });
    await expect(transport.transmit(new Uint8Array(12))).rejects.toMatchObject({
      code: 'ERR_TPM_TRANSPORT',
    });
    await transport.close();
    const platform = await listen(() => {});
    const silent = openSimulator({ path }, { platform: { path: platform }, timeoutMs: 30 });
    await expect(silent).rejects.toMatchObject({ code: 'ERR_TPM_TRANSPORT' });
  });

  test.each([9, 4097, 0xffff_ffff])(
    'a response of %i bytes is refused before it is read',
    async (size) => {
      const path = await listen((socket) => {
        socket.write(new ByteWriter().u16(0x8001).u32(size).u32(0).finish());
      });
      const transport = await openSocket({ path });
      await expect(transport.transmit(new Uint8Array(12))).rejects.toMatchObject({
        code: 'ERR_TPM_TRANSPORT',
      });
      await transport.close();
    },
  );

  test('a connection that ends within a response, or is closed, fails', async () => {
    const path = await listen((socket) => {
      socket.end(RANDOM.slice(0, 12));
    });
    const transport = await openSocket({ path });
    await expect(transport.transmit(new Uint8Array(12))).rejects.toMatchObject({
      code: 'ERR_TPM_TRANSPORT',
    });
    const silent = await openSocket({ path: await listen(() => {}) });
    const waiting = silent.transmit(new Uint8Array(12));
    await silent.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_TPM_TRANSPORT' });
  });

  test('what is not there is said so', async () => {
    const missing = { code: 'ERR_TPM_TRANSPORT' };
    await expect(openDevice('/dev/tpm-that-is-not-there')).rejects.toMatchObject(missing);
    await expect(openSocket({ path: '/nowhere/socket' })).rejects.toMatchObject(missing);
    await expect(openTpm({ device: '/nowhere' })).rejects.toMatchObject(missing);
    await expect(openTpm({ device: 'x', socket: { path: 'y' } })).rejects.toThrow(TypeError);
    const signal = AbortSignal.abort(new Error('no'));
    await expect(openSocket({ path: '/nowhere' }, { signal })).rejects.toThrow('no');
  });
});
