import { promisify } from 'node:util';
import { attestationResultSchema, encodeStruct } from '@cmc/attestationreport/codec';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { createGrpcClient } from '../../src/grpc/client.ts';
import { KEY_ID, SAMPLE_EVENT, SAMPLE_RESULT } from '../fake-cmc.ts';
import { stockService } from './stock.ts';

type Request = Record<string, unknown>;
type Handler = (request: Request) => Request;

const version = '1.4.0';
const NONCE = new Uint8Array(8).fill(3);

let server: Server | undefined;
afterEach(() => server?.forceShutdown());

/** A server made from the .proto file alone, with the stock library. */
const start = async (handlers: Record<string, Handler>): Promise<string> => {
  server = new Server({ 'grpc.max_receive_message_length': 1 << 25 });
  const { service } = stockService('cmc.proto', 'grpcapi.CMCService');
  const implementation = Object.entries(handlers).map(([name, handle]) => [
    name,
    ({ request }: ServerUnaryCall<Request, Request>, done: sendUnaryData<Request>) => {
      try {
        done(null, handle(request));
      } catch (error) {
        done(error as Error);
      }
    },
  ]);
  server.addService(service, Object.fromEntries(implementation));
  const port = await promisify(server.bindAsync.bind(server))(
    '127.0.0.1:0',
    ServerCredentials.createInsecure(),
  );
  return `127.0.0.1:${port}`;
};

describe('our client against a stock gRPC server made from the .proto', () => {
  test('calls every operation', async () => {
    const seen: Record<string, Request> = {};
    const answers: Record<string, Request> = {
      Attest: { report: NONCE },
      Verify: { result: encodeStruct(attestationResultSchema, SAMPLE_RESULT, 'json') },
      TLSCreate: { key_id: KEY_ID },
      TLSSign: { signed_content: NONCE },
      TLSCert: { certificate: [NONCE, NONCE] },
      PeerCache: { cache: [] },
      Measure: { success: true },
      UpdateCerts: { success: true },
      UpdateMetadata: { success: true },
    };
    const handlers = Object.entries(answers).map(([name, answer]): [string, Handler] => [
      name,
      (request) => {
        seen[name] = request;
        return { version, ...answer };
      },
    ]);
    await using client = createGrpcClient({ address: await start(Object.fromEntries(handlers)) });
    const keyConfig = {
      type: 'sw',
      alg: 'EC256',
      cn: 'c',
      dnsNames: ['d'],
      ipAddresses: ['::1'],
    } as const;

    expect(await client.attest({ nonce: NONCE, cached: ['ab'] })).toEqual({ report: NONCE });
    expect(
      await client.verify({
        nonce: NONCE,
        report: NONCE,
        peer: 'p',
        peerAddr: 'a',
        policies: NONCE,
      }),
    ).toEqual({ result: SAMPLE_RESULT });
    expect(await client.tlsCreate({ keyConfig })).toEqual({ keyId: KEY_ID });
    const more = { message: NONCE, scheme: 'rsa-pss' } as const;
    expect(
      await client.tlsSign({ keyId: KEY_ID, content: NONCE, hashAlg: 'SHA-256', ...more }),
    ).toEqual({ signedContent: NONCE });
    expect(await client.tlsCert({ keyId: KEY_ID })).toEqual({ certificate: [NONCE, NONCE] });
    expect(await client.peerCache({ peer: 'x' })).toEqual({ cache: [] });
    expect(await client.measure({ event: SAMPLE_EVENT })).toEqual({ success: true });
    expect(await client.updateCerts()).toEqual({ success: true });
    expect(await client.updateMetadata()).toEqual({ success: true });

    const nonce = Buffer.from(NONCE);
    expect(seen).toMatchObject({
      Attest: { version, nonce, cached: ['ab'] },
      Verify: { version, nonce, report: nonce, peer: 'p', peer_addr: 'a', policies: nonce },
      TLSCreate: {
        version,
        key_config: { type: 'sw', alg: 'EC256', cn: 'c', dns_names: ['d'], ip_addresses: ['::1'] },
      },
      TLSSign: {
        version,
        key_id: KEY_ID,
        content: nonce,
        hash_alg: 'SHA-256',
        message: nonce,
        scheme: 'rsa-pss',
      },
      TLSCert: { version, key_id: KEY_ID },
      PeerCache: { version, peer: 'x' },
      Measure: {
        version,
        measure_event: {
          type: SAMPLE_EVENT.type,
          name: SAMPLE_EVENT.name,
          index: 10,
          hashes: [{ alg: 'SHA-256', content: Buffer.alloc(32, 7) }],
          version: '1.2',
          optional: true,
          description: 'an application',
          ctr_data: {
            config_sha256: Buffer.alloc(32, 1),
            rootfs_sha256: Buffer.alloc(32, 2),
            oci_spec: Buffer.from(JSON.stringify(SAMPLE_EVENT.ctrData?.ociSpec)),
          },
        },
      },
      UpdateCerts: { version },
      UpdateMetadata: { version },
    });
  });

  test('sends container data that is empty rather than none', async () => {
    let seen: Request = {};
    const address = await start({
      Measure: (request) => {
        seen = request;
        return { version, success: true };
      },
    });
    await using client = createGrpcClient({ address });
    await client.measure({ event: { type: 't', name: 'n' } });
    expect(seen).toMatchObject({ measure_event: { index: 0, ctr_data: {} } });
    expect((seen['measure_event'] as Request)['ctr_data']).not.toBeNull();
  });

  test.each([
    ['event data', { eventdata: {} }],
    ['a package URL', { purl: 'pkg:x/y' }],
    ['other properties', { properties: [{ name: 'cmc.ta', value: 'SW' }] }],
    ['an index that is none', { properties: [{ name: 'cmc.index', value: '1e3' }] }],
    ['an index beyond 32 bits', { properties: [{ name: 'cmc.index', value: '4294967296' }] }],
  ])('refuses to drop %s silently', async (_, members) => {
    await using client = createGrpcClient({ address: '127.0.0.1:1' });
    const event = { type: 't', name: 'n', ...members };
    await expect(client.measure({ event })).rejects.toMatchObject({ code: 'ERR_API_REQUEST' });
  });

  test('carries 15 MiB each way', async () => {
    const report = new Uint8Array(15 * 1024 * 1024).fill(1);
    const address = await start({
      Attest: () => ({ version, report }),
      Verify: (request) => {
        if ((request['report'] as Buffer).length !== report.length) throw new Error('short');
        return {
          version,
          result: encodeStruct(attestationResultSchema, SAMPLE_RESULT, 'json'),
        };
      },
    });
    await using client = createGrpcClient({ address });
    expect((await client.attest({ nonce: NONCE })).report).toHaveLength(report.length);
    await client.verify({ nonce: NONCE, report });
  });

  test('restores errors, and names what is not implemented', async () => {
    const address = await start({
      Attest: () => {
        throw Object.assign(new Error(), { code: status.UNKNOWN, details: 'ERR_X_Y: 100% ü' });
      },
    });
    await using client = createGrpcClient({ address });
    await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
      code: 'ERR_API_REMOTE',
      remoteCode: 'ERR_X_Y',
      message: 'ERR_X_Y: 100% ü',
    });
    await expect(client.updateCerts()).rejects.toMatchObject({ code: 'ERR_API_REMOTE' });
  });
});
