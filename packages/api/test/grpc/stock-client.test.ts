import { credentials, type ServiceClientConstructor, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api-server.ts';
import { serveGrpc } from '../../src/grpc/server.ts';
import { DIGEST, type FakeCmc, fakeCmc, KEY_ID, SAMPLE_RESULT } from '../fake-cmc.ts';
import { stockService } from './stock.ts';

// Clients made from the .proto files alone, with the stock libraries.
type Client = InstanceType<ServiceClientConstructor>;
const call = (client: Client, method: string, request: object): Promise<Record<string, unknown>> =>
  new Promise((resolve, reject) => {
    (
      client[method] as (request: object, done: (error: unknown, value: never) => void) => void
    ).call(client, request, (error, value) => (error ? reject(error) : resolve(value)));
  });

let cmc: FakeCmc;
let server: ApiServer;
const clients: Client[] = [];
const connect = (file: string, path: string): Client => {
  const client = new (stockService(file, path))(server.address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': 1 << 24,
  });
  clients.push(client);
  return client;
};

beforeAll(async () => {
  cmc = fakeCmc();
  server = await serveGrpc(cmc, { address: '127.0.0.1:0' });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await server.close();
});

const version = '1.4.0';
const nonce = Buffer.alloc(8, 1);

describe('a stock gRPC client made from the .proto', () => {
  test('calls every operation', async () => {
    const client = connect('cmc.proto', 'grpcapi.CMCService');
    expect(await call(client, 'Attest', { version, nonce })).toEqual({ version, report: nonce });
    const { result } = await call(client, 'Verify', { version, nonce, report: nonce });
    expect(JSON.parse(String(result))).toMatchObject({
      version: SAMPLE_RESULT.version,
      summary: { status: SAMPLE_RESULT.summary.status },
    });
    const key_config = { type: 'sw', alg: 'EC256', cn: 'x', dns_names: ['a'], ip_addresses: [] };
    expect(await call(client, 'TLSCreate', { version, key_config })).toEqual({
      version,
      key_id: KEY_ID,
    });
    const signature = await call(client, 'TLSSign', {
      version,
      key_id: KEY_ID,
      content: nonce,
      hash_alg: 'SHA-256',
    });
    expect(signature).toEqual({ version, signed_content: nonce });
    const { certificate } = await call(client, 'TLSCert', { version, key_id: KEY_ID });
    expect(String((certificate as Buffer[])[0])).toBe('-----LEAF-----\n');
    expect(await call(client, 'PeerCache', { version, peer: DIGEST })).toEqual({
      version,
      cache: [DIGEST, 'cd'.repeat(48)],
    });
    const measure_event = {
      type: 'container',
      name: 'n',
      index: 10,
      hashes: [{ alg: 'SHA-256', content: nonce }],
      ctr_data: {
        config_sha256: nonce,
        rootfs_sha256: nonce,
        oci_spec: Buffer.from('{"ociVersion":"1.2.0"}'),
      },
    };
    expect(await call(client, 'Measure', { version, measure_event })).toEqual({
      version,
      success: true,
    });
    expect(cmc.calls.at(-1)?.request).toMatchObject({
      event: {
        properties: [{ name: 'cmc.index', value: '10' }],
        ctrData: { ociSpec: { ociVersion: '1.2.0' } },
      },
    });
    expect(await call(client, 'UpdateCerts', { version })).toEqual({ version, success: true });
    expect(await call(client, 'UpdateMetadata', { version })).toEqual({ version, success: false });
  });

  test('sends an OCI specification in CBOR', async () => {
    const client = connect('cmc.proto', 'grpcapi.CMCService');
    const oci_spec = Buffer.from('a16a6f636956657273696f6e65312e322e30', 'hex');
    const measure_event = { type: 'container', name: 'n', ctr_data: { oci_spec } };
    await call(client, 'Measure', { version, measure_event });
    expect(cmc.calls.at(-1)?.request).toMatchObject({
      event: { ctrData: { ociSpec: { ociVersion: '1.2.0' } } },
    });
  });

  test.each([
    ['no nonce', 'Attest', { version }],
    ['no key configuration', 'TLSCreate', { version }],
    ['no event', 'Measure', { version }],
    ['another version', 'Attest', { version: '1.4.1', nonce }],
    ['no version', 'Verify', { nonce, report: nonce }],
    [
      'an OCI specification that is none',
      'Measure',
      { version, measure_event: { type: 't', name: 'n', ctr_data: { oci_spec: nonce } } },
    ],
  ])('gets INVALID_ARGUMENT for %s', async (_, method, request) => {
    const client = connect('cmc.proto', 'grpcapi.CMCService');
    await expect(call(client, method, request)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(/^ERR_API_(REQUEST|VERSION): /),
    });
    await call(client, 'UpdateCerts', { version });
  });

  test('creates a key without a version, and measures without container data', async () => {
    const client = connect('cmc.proto', 'grpcapi.CMCService');
    const key_config = { type: 'sw', alg: 'EC256', cn: '' };
    expect(await call(client, 'TLSCreate', { key_config })).toMatchObject({ key_id: KEY_ID });
    const measure_event = { type: 't', name: 'n' };
    expect(await call(client, 'Measure', { version, measure_event })).toMatchObject({
      success: true,
    });
    expect(cmc.calls.at(-1)?.request).toEqual({
      event: { type: 't', name: 'n', properties: [{ name: 'cmc.index', value: '0' }] },
    });
  });

  test('R46 is refused beyond the limit', async () => {
    const client = connect('cmc.proto', 'grpcapi.CMCService');
    const report = Buffer.alloc(16 * 1024 * 1024);
    await expect(call(client, 'Verify', { version, nonce, report })).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    const cached = new Array(20_000).fill(DIGEST);
    await expect(call(client, 'Attest', { version, nonce, cached })).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/^ERR_API_LIMIT: /),
    });
  });
});

describe('the health service', () => {
  test('says that the server and each service are well', async () => {
    const health = connect('grpc/health/v1/health.proto', 'grpc.health.v1.Health');
    for (const name of ['', 'grpcapi.CMCService']) {
      expect(await call(health, 'Check', { service: name })).toMatchObject({ status: 1 });
    }
    await expect(call(health, 'Check', { service: 'none' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });

  test('tells watchers when the server closes', async () => {
    await using other = await serveGrpc(fakeCmc(), { address: '127.0.0.1:0' });
    const Health = stockService('grpc/health/v1/health.proto', 'grpc.health.v1.Health');
    const health = new Health(other.address, credentials.createInsecure());
    const statuses: unknown[] = [];
    const stream = (health['Watch'] as (request: object) => NodeJS.ReadableStream).call(health, {});
    const unknown = (health['Watch'] as (request: object) => NodeJS.ReadableStream).call(health, {
      service: 'none',
    });
    const first = new Promise((resolve) => unknown.once('data', resolve));
    const ended = new Promise((resolve) => stream.once('end', resolve));
    stream.on('data', (message: { status: unknown }) => {
      statuses.push(message.status);
      if (statuses.length === 1) void other.close();
    });
    expect(await first).toMatchObject({ status: 3 });
    await ended;
    expect(statuses).toEqual([1, 2]);
    health.close();
  });
});

describe.each(['v1', 'v1alpha'])('server reflection %s', (revision) => {
  const ask = async (...requests: object[]): Promise<Record<string, unknown>[]> => {
    const client = connect(
      `grpc/reflection/${revision}/reflection.proto`,
      `grpc.reflection.${revision}.ServerReflection`,
    );
    const stream = (client['ServerReflectionInfo'] as () => NodeJS.ReadWriteStream).call(client);
    const answers: Record<string, unknown>[] = [];
    stream.on('data', (answer: Record<string, unknown>) => answers.push(answer));
    for (const request of requests) stream.write(request as never);
    stream.end();
    await new Promise((resolve, reject) => stream.once('end', resolve).once('error', reject));
    return answers;
  };

  test('lists the services', async () => {
    const [answer] = await ask({ host: 'h', list_services: '' });
    expect(answer).toMatchObject({
      valid_host: 'h',
      original_request: { list_services: '' },
      list_services_response: {
        service: [
          { name: 'grpcapi.CMCService' },
          { name: 'grpc.health.v1.Health' },
          { name: 'grpc.reflection.v1.ServerReflection' },
          { name: 'grpc.reflection.v1alpha.ServerReflection' },
        ],
      },
    });
  });

  test('describes files by name and by everything in them', async () => {
    const symbols = [
      'grpcapi.CMCService',
      'grpcapi.CMCService.Attest',
      'grpcapi.Component',
      'grpc.health.v1.HealthCheckResponse.ServingStatus',
    ];
    const answers = await ask(
      { file_by_filename: 'cmc.proto' },
      ...symbols.map((file_containing_symbol) => ({ file_containing_symbol })),
    );
    expect(answers).toHaveLength(5);
    for (const answer of answers) {
      expect(answer).toMatchObject({
        file_descriptor_response: { file_descriptor_proto: [expect.any(Buffer)] },
      });
    }
    expect(answers[1]).toMatchObject({
      file_descriptor_response: answers[0]?.['file_descriptor_response'],
    });
  });

  test('says what it does not know', async () => {
    const answers = await ask(
      { file_by_filename: 'none.proto' },
      { file_containing_symbol: 'grpcapi.None' },
      { file_containing_extension: { containing_type: 'grpcapi.Component', extension_number: 1 } },
      {},
    );
    expect(answers.map((answer) => answer['error_response'])).toMatchObject(
      new Array(4).fill({ error_code: status.NOT_FOUND }),
    );
  });
});
