import { join } from 'node:path';
import { createGrpcClient } from '../../src/grpc/client.ts';
import { serveGrpc } from '../../src/grpc/server.ts';
import { describeContract } from '../contract.ts';
import { serveSilence } from '../silence.ts';

const grpc = {
  serve: serveGrpc,
  connect: createGrpcClient,
  serveSilence,
  serializations: ['cbor'],
  cancels: true,
  oversizedReport: 16 * 1024 * 1024,
} as const;

describeContract({ ...grpc, name: 'gRPC over TCP', address: () => '127.0.0.1:0' });
describeContract({
  ...grpc,
  name: 'gRPC over Unix',
  address: (directory) => `unix:${join(directory, 'cmcd.sock')}`,
});
