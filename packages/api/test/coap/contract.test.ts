import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createCoapClient } from '../../src/coap/client.ts';
import { serveCoap } from '../../src/coap/server.ts';
import { describeContract } from '../contract.ts';

/** A UDP socket that takes datagrams and never answers. */
async function serveSilence(): Promise<{ readonly address: string; close(): Promise<void> }> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    close: async () => {
      socket.close();
    },
  };
}

describeContract({
  name: 'CoAP',
  address: () => '127.0.0.1:0',
  serve: serveCoap,
  connect: createCoapClient,
  serveSilence,
  serializations: ['json', 'cbor'],
  cancels: false,
  oversizedReport: 16 * 1024 * 1024,
});
