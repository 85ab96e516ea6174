import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ApiName } from '@cmc/api';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import {
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { decode, encode } from 'cborg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildPrograms, createSite } from './support/site.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

// Nothing of ours on this side: clients of others, or written from the description alone.

beforeAll(buildPrograms, BUILD_TIMEOUT_MS);

const version = '1.4.0';
const nonce = new Uint8Array(32).fill(7);
const otherNonce = new Uint8Array(32).fill(8);
const FRESHNESS = 83;
const TIMEOUT_MS = 60_000;

/** What a peer does with a daemon: the answers, in plain objects. */
interface Peer {
  attest(nonce: Uint8Array): Promise<Uint8Array>;
  /** Summary of the result. */
  verify(
    nonce: Uint8Array,
    report: Uint8Array,
  ): Promise<{ readonly status: string; readonly errorCodes?: readonly number[] }>;
  peerCache(peer: string): Promise<readonly string[]>;
}

async function startDaemon(api: ApiName, paddingBytes = 0): Promise<string> {
  const site = await createSite();
  const { address } = await site.startDaemon('server', { api, paddingBytes });
  return address.address;
}

/** Attests, has the report verified, and has it verified for another nonce. */
async function expectService(peer: Peer, minBytes = 0): Promise<void> {
  const report = await peer.attest(nonce);
  expect(report.length).toBeGreaterThan(minBytes);
  expect(await peer.verify(nonce, report)).toMatchObject({ status: 'success' });
  expect(await peer.verify(otherNonce, report)).toMatchObject({
    status: 'fail',
    errorCodes: [FRESHNESS],
  });
  expect(await peer.peerCache('ab'.repeat(32))).toStrictEqual([]);
}

describe('a stock gRPC client made from the .proto', () => {
  const proto = fileURLToPath(new URL('../../../packages/api/proto/cmc.proto', import.meta.url));
  const definition = loadPackageDefinition(loadSync(proto, { keepCase: true, defaults: true }));
  const { CMCService } = definition['grpcapi'] as GrpcObject;

  test('is served by the daemon', { timeout: TIMEOUT_MS }, async () => {
    const address = await startDaemon('grpc', 200_000);
    const client = new (CMCService as ServiceClientConstructor)(
      address,
      credentials.createInsecure(),
    );
    onTestFinished(() => client.close());
    type Method = (request: object, done: (error: unknown, response: never) => void) => void;
    const call = (method: string, request: object): Promise<Record<string, Uint8Array>> =>
      new Promise((resolve, reject) => {
        (client[method] as Method).call(client, { version, ...request }, (error, response) =>
          error ? reject(error) : resolve(response),
        );
      });
    const peer: Peer = {
      attest: async (nonce) => (await call('Attest', { nonce }))['report'] as Uint8Array,
      verify: async (nonce, report) => {
        const { result } = await call('Verify', { nonce, report });
        return JSON.parse(String(result)).summary;
      },
      peerCache: async (peer) => {
        const { cache } = await call('PeerCache', { peer });
        return cache as unknown as string[];
      },
    };
    await expectService(peer, 200_000);
  });
});

/** Requests and responses as the description has them, and how to exchange them. */
type Exchange = (operation: 'Attest' | 'Verify' | 'PeerCache', body: Uint8Array) => Promise<Buffer>;

function cborPeer(exchange: Exchange): Peer {
  type Fields = Map<number | string, unknown>;
  const call = async (
    operation: Parameters<Exchange>[0],
    ...fields: readonly unknown[]
  ): Promise<Fields> => {
    const request = new Map([version, ...fields].map((field, key) => [key, field]));
    const response: Fields = decode(await exchange(operation, encode(request)), { useMaps: true });
    expect(response.get(0)).toBe(version);
    return response;
  };
  return {
    attest: async (nonce) => (await call('Attest', nonce)).get(1) as Uint8Array,
    verify: async (nonce, report) => {
      const result = (await call('Verify', nonce, report)).get(1) as Fields;
      const summary = result.get(2) as Fields;
      return {
        status: summary.get('status') as string,
        errorCodes: summary.get(4) as readonly number[],
      };
    },
    peerCache: async (peer) => ((await call('PeerCache', peer)).get(1) ?? []) as string[],
  };
}

function jsonPeer(exchange: Exchange): Peer {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const call = async (operation: Parameters<Exchange>[0], request: object) => {
    const body = Buffer.from(JSON.stringify({ version, ...request }));
    const response = JSON.parse((await exchange(operation, body)).toString());
    expect(response.version).toBe(version);
    return response;
  };
  return {
    attest: async (nonce) =>
      Buffer.from((await call('Attest', { nonce: base64(nonce) })).report, 'base64'),
    verify: async (nonce, report) => {
      const request = { nonce: base64(nonce), report: base64(report) };
      return (await call('Verify', request)).result.summary;
    },
    peerCache: async (peer) => (await call('PeerCache', { peer })).cache ?? [],
  };
}

const PEERS = [
  ['CBOR', cborPeer, '60'],
  ['JSON', jsonPeer, '50'],
] as const;

const COAP_NAMES = ['coap-client', 'coap-client-notls', 'coap-client-openssl'];
const { PATH = '', CI } = process.env;
const coapClient = PATH.split(':')
  .flatMap((folder) => COAP_NAMES.map((name) => join(folder, name)))
  .find((path) => existsSync(path));

// In CI the package must be there.
describe.skipIf(coapClient === undefined && CI === undefined)('coap-client of libcoap', () => {
  test.each(PEERS)(
    'is served by the daemon in %s, with a body of 200 KB both ways',
    async (_, peerOver, contentFormat) => {
      const address = await startDaemon('coap', 200_000);
      const folder = temporaryFolder();
      const peer = peerOver(async (operation, body) => {
        const [input, output] = [join(folder, 'request'), join(folder, 'response')];
        writeFileSync(input, body);
        const flags = ['-m', 'post', '-t', contentFormat, '-B', '30', '-f', input, '-o', output];
        await promisify(execFile)(coapClient ?? '', [...flags, `coap://${address}/${operation}`]);
        return readFileSync(output);
      });
      await expectService(peer, 200_000);
    },
    TIMEOUT_MS,
  );
});

describe('a socket client written from the description', () => {
  const TYPES = { Attest: 1, Verify: 2, PeerCache: 6 };

  test.each(PEERS)('is served by the daemon in %s', async (_, peerOver) => {
    const path = (await startDaemon('socket', 200_000)).replace('unix://', '');
    const peer = peerOver(
      (operation, body) =>
        new Promise((resolve, reject) => {
          const header = Buffer.alloc(8);
          header.writeUInt32BE(body.length, 0);
          header.writeUInt32BE(TYPES[operation], 4);
          const chunks: Buffer[] = [];
          const socket = connect(path).on('error', reject);
          socket.on('data', (chunk) => chunks.push(chunk));
          socket.on('end', () => {
            const answer = Buffer.concat(chunks);
            if (answer.readUInt32BE(4) !== TYPES[operation]) reject(new Error(String(answer)));
            resolve(answer.subarray(8, 8 + answer.readUInt32BE(0)));
          });
          socket.write(Buffer.concat([header, body]));
        }),
    );
    await expectService(peer, 200_000);
  });

  test('reads from the report what the evidence is bound to', async () => {
    const path = (await startDaemon('socket')).replace('unix://', '');
    const body = Buffer.from(
      JSON.stringify({ version, nonce: Buffer.from(nonce).toString('base64') }),
    );
    const header = Buffer.alloc(8);
    header.writeUInt32BE(body.length, 0);
    header.writeUInt32BE(TYPES.Attest, 4);
    const socket = connect(path);
    socket.write(Buffer.concat([header, body]));
    const answer = Buffer.concat(await socket.toArray());
    const { report } = JSON.parse(answer.subarray(8).toString());
    const { context, evidences } = JSON.parse(Buffer.from(report, 'base64').toString());
    expect(JSON.parse(Buffer.from(context, 'base64url').toString()).nonce).toBe(
      Buffer.from(nonce).toString('base64'),
    );
    const jws = JSON.parse(Buffer.from(evidences[0].evidence, 'base64').toString());
    const signed = JSON.parse(Buffer.from(jws.payload, 'base64url').toString());
    expect(signed.nonce).toBe(createHash('sha256').update(context).digest('base64'));
  });
});
