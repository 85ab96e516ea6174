import { connect } from 'node:net';
import { decode, encode } from 'cborg';
import { describe, expect, test } from 'vitest';
import { serveSocket } from '../../src/socket/server.ts';
import { fakeCmc } from '../fake-cmc.ts';

// A client made from the description of the protocol alone.
function request(port: number, type: number, payload: Uint8Array): Promise<[number, Buffer]> {
  return new Promise((resolve, reject) => {
    const header = Buffer.alloc(8);
    header.writeUInt32BE(payload.length, 0);
    header.writeUInt32BE(type, 4);
    const socket = connect(port, '127.0.0.1');
    let answer = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
    });
    socket.on('end', () => {
      if (answer.length !== 8 + answer.readUInt32BE(0)) reject(new Error('wrong length'));
      resolve([answer.readUInt32BE(4), answer.subarray(8)]);
      socket.destroy();
    });
    socket.write(Buffer.concat([header, payload]));
  });
}

describe('a client that was written from the description', () => {
  const fields = { useMaps: true } as const;

  test('attests in CBOR', async () => {
    await using server = await serveSocket(fakeCmc(), { address: '127.0.0.1:0' });
    const port = Number(server.address.split(':')[1]);
    const nonce = new Uint8Array(16).fill(5);
    const [type, body] = await request(
      port,
      1,
      encode(
        new Map<number, unknown>([
          [0, '1.4.0'],
          [1, nonce],
        ]),
      ),
    );
    expect(type).toBe(1);
    expect(decode(body, fields)).toEqual(
      new Map<number, unknown>([
        [0, '1.4.0'],
        [1, nonce],
      ]),
    );
  });

  test('attests in JSON', async () => {
    await using server = await serveSocket(fakeCmc(), { address: '127.0.0.1:0' });
    const port = Number(server.address.split(':')[1]);
    const [type, body] = await request(
      port,
      1,
      Buffer.from('{"version":"1.4.0","nonce":"AQIDBAUGBwg="}'),
    );
    expect([type, body.toString()]).toEqual([1, '{"version":"1.4.0","report":"AQIDBAUGBwg="}']);
  });

  test('gets errors in the serialization of its request', async () => {
    await using server = await serveSocket(fakeCmc(), { address: '127.0.0.1:0' });
    const port = Number(server.address.split(':')[1]);
    const [type, body] = await request(port, 5, Buffer.from('{"version":"1.4.0","keyId":"x"}'));
    expect([type, Object.keys(JSON.parse(body.toString()))]).toEqual([0, ['msg']]);
    const [cborType, cborBody] = await request(port, 99, encode(new Map([[0, '1.4.0']])));
    expect([cborType, decode(cborBody, fields)]).toEqual([
      0,
      new Map([[1, 'ERR_API_PROTOCOL: unknown message type 99']]),
    ]);
  });
});
