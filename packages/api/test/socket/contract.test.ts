import { join } from 'node:path';
import { createSocketClient } from '../../src/socket/client.ts';
import { serveSocket } from '../../src/socket/server.ts';
import { describeContract } from '../contract.ts';
import { serveSilence } from '../silence.ts';

const socket = {
  serve: serveSocket,
  connect: createSocketClient,
  serveSilence,
  serializations: ['json', 'cbor'],
  // A closed and a half-closed connection look the same to the server.
  cancels: false,
  oversizedReport: 16 * 1024 * 1024,
} as const;

describeContract({
  ...socket,
  name: 'socket over Unix',
  address: (directory) => `unix://${join(directory, 'cmcd.sock')}`,
});
describeContract({ ...socket, name: 'socket over TCP', address: () => '127.0.0.1:0' });
