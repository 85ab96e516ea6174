import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createFakeCa } from '@cmc/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { CmcdConfig } from '../../src/config/schema.ts';
import { BUILD_TIMEOUT_MS, buildMain } from '../support/build.ts';
import { runProgram, startProcess, writeConfig } from '../support/daemon-process.ts';
import { createWorld, type World } from '../support/world.ts';

beforeAll(buildMain, BUILD_TIMEOUT_MS);

const USAGE = 2;
const UNAVAILABLE = 3;

function run(
  world: World,
  change: Partial<CmcdConfig>,
  ...args: string[]
): [number | null, string] {
  const result = runProgram('--config', writeConfig(world, world.config(change)), ...args);
  return [result.status, result.stderr];
}

describe('cmcd that cannot start', () => {
  test.each<[string, (world: World) => Partial<CmcdConfig>, RegExp]>([
    ['an unknown key', () => ({ metdata: [] }) as object, /ERR_CONFIG_UNKNOWN_KEY: .*"metadata"\?/],
    ['a wrong type', () => ({ drivers: 'sw' }) as object, /ERR_CONFIG_VALUE: .*drivers/],
    ['a key of another driver', () => ({ vmpl: 0 }), /ERR_CONFIG_VALUE: vmpl: for driver snp/],
    ['a driver of another version', () => ({ drivers: ['tdx'] }), /ERR_CMCD_NOT_AVAILABLE: .*sw/],
    ['a TPM that nobody vouches for', () => ({ drivers: ['tpm'] }), /ERR_CONFIG_VALUE: .*est/],
    ['a hash that there is not', () => ({ hashAlg: 'md5' }), /ERR_CONFIG_VALUE: hashAlg/],
    ['a missing root', () => ({ rootCas: ['/nonexistent'] }), /ERR_CONFIG_UNREADABLE: rootCas/],
    [
      'a root that is no certificate',
      ({ caKeyFile }) => ({ rootCas: [caKeyFile] }),
      /ERR_CONFIG_VALUE: rootCas: .*ca-key\.pem/,
    ],
    [
      'a CA key that is none',
      ({ caFile }) => ({ enrollmentCaKey: caFile }),
      /ERR_CONFIG_VALUE: enrollmentCaKey/,
    ],
    [
      'a missing folder of metadata',
      () => ({ metadata: ['file:///nonexistent'] }),
      /ERR_METADATA_LOCATION: cannot read \/nonexistent/,
    ],
    ['a location of no kind', () => ({ metadata: ['/x'] }), /ERR_METADATA_LOCATION: .*file:\/\//],
    ['an address of the network', () => ({ cmcAddr: '0.0.0.0:0' }), /ERR_API_ADDRESS: /],
    ['an address that is none', () => ({ cmcAddr: 'unix://' }), /ERR_API_ADDRESS: /],
    ['metrics for the network', () => ({ metricsAddr: '0.0.0.0:0' }), /ERR_CONFIG_VALUE: metrics/],
    ['a log file in no folder', () => ({ logFile: '/nonexistent/log' }), /logFile: /],
    ['a socket in no folder', () => ({ cmcAddr: '/nonexistent/s' }), /no folder \/nonexistent,/],
  ])('exits with 2 and says why for %s', async (_, change, message) => {
    const world = await createWorld();
    const [status, stderr] = run(world, change(world));
    expect(stderr).toMatch(message);
    expect(status).toBe(USAGE);
  });

  test.each(['grpc', 'socket'] as const)(
    'exits with 2 when the port of %s is taken',
    async (api) => {
      const server = createServer().listen(0, '127.0.0.1');
      onTestFinished(() => void server.close());
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const [status, stderr] = run(await createWorld(), { api, cmcAddr: `127.0.0.1:${port}` });
      expect(stderr).toMatch(/ERR_API_ADDRESS: .*(EADDRINUSE|in use)/);
      expect(stderr).toContain(String(port));
      expect(status).toBe(USAGE);
    },
  );

  test('exits with 2 when another daemon has the socket, and leaves that alone', async () => {
    const world = await createWorld();
    const first = await startProcess(world);
    const [status, stderr] = run(world, {});
    expect(stderr).toMatch(/ERR_API_ADDRESS: .*cmcd\.sock/);
    expect(status).toBe(USAGE);
    const client = await first.client('socket');
    expect((await client.peerCache({ peer: '' })).cache).toStrictEqual([]);
  });

  test('closes the endpoints that it opened when another one fails', async () => {
    const world = await createWorld();
    const socket = join(world.folder, 'a');
    const [status] = run(world, { api: ['socket', 'grpc'], cmcAddr: [socket, '/nonexistent/s'] });
    expect(status).toBe(USAGE);
    const after = await startProcess(world, { cmcAddr: socket });
    expect(await after.stop()).toBe(0);
  });

  test('exits with 3 when a server does not give the metadata, and starts with what is cached of a location', async () => {
    const world = await createWorld();
    const cache = join(world.folder, 'cache');
    const metadata = ['http://127.0.0.1:1/metadata/'];
    const [status, stderr] = run(world, { metadata, cache });
    expect(stderr).toMatch(/ERR_METADATA_UNAVAILABLE: http:\/\/127\.0\.0\.1:1\/metadata\//);
    expect(status).toBe(UNAVAILABLE);

    const online = await startProcess(world, { cache });
    await online.stop();
    rmSync(world.metadataFolder, { recursive: true });
    const offline = await startProcess(world, { cache });
    const client = await offline.client('socket');
    const nonce = new Uint8Array(32);
    const { report } = await client.attest({ nonce });
    expect((await client.verify({ nonce, report })).result.summary.status).toBe('success');
  });

  test.each([
    ['an unknown flag', ['--strage', 'x'], /--storage/],
    ['a flag that is no number', ['--minimum-metadata-signers', 'two'], /expected a number/],
    ['no roots', [], /rootCas/],
    ['a config file that is not there', ['--config', '/nonexistent.json'], /nonexistent\.json/],
  ])('exits with 2 for %s on the command line', (_, args, message) => {
    const { status, stderr } = runProgram(...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(USAGE);
  });

  test('never prints a private key', async () => {
    const world = await createWorld();
    const secret = readFileSync(world.caKeyFile, 'utf8').split('\n')[1] ?? 'missing';
    const broken = join(world.folder, 'broken.pem');
    writeFileSync(broken, readFileSync(world.caKeyFile, 'utf8').replace('PRIVATE', 'PRIVAT'));
    const [status, stderr] = run(world, { enrollmentCaKey: broken }, '--log-level', 'trace');
    expect(status).toBe(USAGE);
    expect(stderr).not.toContain(secret);
  });

  test('refuses to issue with a CA whose key and certificate do not belong together', async () => {
    const world = await createWorld();
    writeFileSync(world.caFile, createFakeCa().pem);
    const { status, stderr } = runProgram(
      '--config',
      writeConfig(world, world.config({ rootCas: [world.caFile] })),
    );
    expect(stderr).toMatch(/ERR_CONFIG_VALUE: enrollmentCaChain/);
    expect(status).toBe(USAGE);
  });
});

describe('command line', () => {
  test('a flag wins over the config file, an endpoint over its apis', async () => {
    const world = await createWorld();
    const { api: _, cmcAddr: __, ...config } = world.config();
    const apis = [{ api: 'grpc', address: '/nonexistent/s' }] as const;
    const socket = join(world.folder, 'flag.sock');
    const daemon = await startProcess(
      { ...world, config: (change) => ({ ...config, apis, ...change }) },
      {},
      { args: ['--cmc-addr', socket, '--name', 'flag.test'] },
    );
    expect(await daemon.logged('listening')).toMatchObject({ address: `unix://${socket}` });
    const client = await daemon.client('socket');
    const nonce = new Uint8Array(32);
    const { report } = await client.attest({ nonce });
    const { result } = await client.verify({ nonce, report });
    expect(result.prover.hostname).toBe('flag.test');
  });

  test('--help shows each setting, examples, signals and exit codes', () => {
    const { status, stdout, stderr } = runProgram('--help');
    expect([status, stderr]).toStrictEqual([0, '']);
    for (const part of ['--root-cas', '--enrollment-ca-key', 'Examples:', 'SIGHUP', 'Exit codes']) {
      expect(stdout).toContain(part);
    }
  });

  test('--version is that of the package', () => {
    const manifest = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    const { status, stdout } = runProgram('--version');
    expect([status, stdout]).toStrictEqual([0, `${manifest.version}\n`]);
  });

  test('--print-schema prints the schema in the package', () => {
    const { status, stdout } = runProgram('--print-schema');
    const file = new URL('../../generated/cmcd.schema.json', import.meta.url);
    expect([status, stdout]).toStrictEqual([0, readFileSync(file, 'utf8')]);
  });
});
