import { PassThrough } from 'node:stream';
import { fuzzDecoder } from '@cmc/testkit';
import { encodeFrame, FrameChannel } from '../src/frame-channel.ts';
import {
  atlsCompleteSchema,
  atlsRequestSchema,
  atlsResponseSchema,
  decodeMessage,
  encodeMessage,
  isComplete,
} from '../src/messages.ts';

const version = '1.3.0';
const bothOf = <T>(encode: (serialization: 'json' | 'cbor') => T): T[] => [
  encode('json'),
  encode('cbor'),
];
const requests = bothOf((serialization) =>
  encodeMessage(
    atlsRequestSchema,
    { version, attest: 0, cached: ['ab'.repeat(32)], bindings: ['spki-v1', 'key-v1'] },
    serialization,
  ),
);
const responses = bothOf((serialization) =>
  encodeMessage(
    atlsResponseSchema,
    {
      version,
      error: 'x',
      report: new Uint8Array(50),
      keyProof: {
        certificates: [new Uint8Array(40), new Uint8Array(3)],
        signature: new Uint8Array(70),
      },
    },
    serialization,
  ),
);
const completes = bothOf((serialization) =>
  encodeMessage(atlsCompleteSchema, { version, success: false, error: 'x' }, serialization),
);

fuzzDecoder({
  name: 'AtlsHandshakeRequest',
  seeds: requests,
  decode: (bytes) => decodeMessage(atlsRequestSchema, bytes),
});
fuzzDecoder({
  name: 'AtlsHandshakeResponse',
  seeds: responses,
  decode: (bytes) => decodeMessage(atlsResponseSchema, bytes),
});
fuzzDecoder({
  name: 'AtlsHandshakeComplete',
  seeds: completes,
  decode: (bytes) => decodeMessage(atlsCompleteSchema, bytes),
});
fuzzDecoder({
  name: 'detection of a Complete',
  seeds: [...requests, ...responses, ...completes],
  decode: isComplete,
});
fuzzDecoder({
  name: 'frames',
  seeds: [...requests, ...responses].map(encodeFrame),
  decode: async (bytes) => {
    const stream = new PassThrough();
    const channel = new FrameChannel(stream, new AbortController().signal);
    stream.end(bytes);
    for (;;) await channel.read(1024);
  },
});
