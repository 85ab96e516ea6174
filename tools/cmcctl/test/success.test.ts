import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { serveSocket } from '@cmc/api/socket-server';
import { componentSchema, encodeStruct } from '@cmc/attestationreport/codec';
import { createCmc } from '@cmc/cmcd';
import { createContainerEvent } from '@cmc/driver-sw';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parseOutput } from './outputs.ts';
import { buildProgram, createSite, type Site } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

async function enroll(site: Site, address: string, name: string): Promise<string> {
  const file = join(site.folder, 'ids', name);
  const { code, stdout } = await site.cmcctl(
    ...['enroll-key', '--cmc-addr', address, '--key-id', file, '--tls-cn', name],
    ...['--tls-dns-names', 'localhost', '--tls-ip-addresses', '127.0.0.1', '--json'],
  );
  expect(code).toBe(0);
  const outcome = parseOutput('enroll-key', stdout);
  expect(outcome).toStrictEqual({ keyId: readFileSync(file, 'utf8'), file });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  return file;
}

test('enroll-key makes keys that never leave the daemons, and both ends connect with them', async () => {
  const site = await createSite();
  const [client, server] = [await site.startDaemon('client'), await site.startDaemon('server')];
  const serverKey = await enroll(site, server.address, 'server-key');
  const clientKey = await enroll(site, client.address, 'client-key');
  const { address } = await site.startServer(
    ...(['listen', '--cmc-addr', server.address, '--root-cas', site.files.tlsCa] as const),
    ...['--key-id', serverKey, '--mtls'],
  );
  const dial = (...more: readonly string[]) =>
    site.cmcctl(
      ...['dial', '--cmc-addr', client.address, '--root-cas', site.files.tlsCa],
      ...['--addr', address, '--mtls', '--data', 'hello', '--json', ...more],
    );
  const outcome = await dial('--key-id', clientKey);
  expect(outcome.stderr).toBe('');
  expect(outcome.code).toBe(0);
  expect(parseOutput('dial', outcome.stdout)).toMatchObject({
    connected: true,
    status: 'success',
    answer: 'hello',
  });
  writeFileSync(join(site.folder, 'wrong-id'), '00000000-0000-4000-8000-000000000000');
  expect((await dial('--key-id', 'wrong-id')).code).not.toBe(0);
});

describe('dial and request', () => {
  async function twoEnds(command: 'listen' | 'serve') {
    const site = await createSite();
    const [client, server] = [await site.startDaemon('client'), await site.startDaemon('server')];
    writeFileSync(join(site.folder, 'yes.js'), 'true');
    writeFileSync(join(site.folder, 'no.js'), 'false');
    const own = site.files.server;
    const { address, child } = await site.startServer(
      ...([command, '--cmc-addr', server.address, '--root-cas', site.files.tlsCa] as const),
      ...['--cert', own.cert, '--key', own.key, '--mtls', '--policies', 'yes.js'],
    );
    const { cert, key } = site.files.client;
    const flags = ['--cmc-addr', client.address, '--root-cas', site.files.tlsCa, '--json'];
    const identity = ['--mtls', '--cert', cert, '--key', key];
    return { site, address, child, flags, identity };
  }

  test('dial under policies and with mutual TLS: the policy decides', async () => {
    const { site, address, flags, identity } = await twoEnds('listen');
    const dial = async (...more: readonly string[]) =>
      await site.cmcctl('dial', '--addr', address, ...flags, ...identity, ...more);
    expect(await dial('--policies', 'yes.js')).toMatchObject({ code: 0 });
    const { code, stdout } = await dial('--policies', 'no.js');
    expect(code).toBe(1);
    const { connected, reasons } = parseOutput('dial', stdout);
    expect(connected).toBe(false);
    expect(reasons.join(' ')).toMatch(/completion value is false/);
  });

  test('request posts data under policies and with mutual TLS', async () => {
    const { site, address, flags, identity } = await twoEnds('serve');
    const { code, stdout, stderr } = await site.cmcctl(
      ...['request', '--addr', `https://${address}/data`, ...flags, ...identity],
      ...['--policies', 'yes.js', '--data', 'x=1', '--header', 'Content-Type: text/plain'],
    );
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    const { httpStatus, answer } = parseOutput('request', stdout);
    expect(httpStatus).toBe(200);
    expect(JSON.parse(answer ?? '')).toMatchObject({ method: 'POST', url: '/data' });
  });

  test('a server that demands a certificate refuses a client without one', async () => {
    const { site, address, flags } = await twoEnds('listen');
    const { code, stdout } = await site.cmcctl('dial', '--addr', address, ...flags);
    expect(code).not.toBe(0);
    expect(parseOutput('dial', stdout).connected).toBe(false);
  });

  test('a server stops on SIGTERM with exit code 0', async () => {
    const { child } = await twoEnds('listen');
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

test('measure has the daemon record an event, which its next report contains', async () => {
  const site = await createSite();
  const daemon = await site.startDaemon('prover');
  const event = await createContainerEvent({
    name: 'second',
    config: JSON.stringify({
      ociVersion: '1.2.0',
      process: { args: ['/bin/second'], cwd: '/' },
      root: { path: '/r' },
    }),
    containerId: 'cd'.repeat(32),
    rootfs: new Uint8Array(32).fill(7),
  });
  writeFileSync(join(site.folder, 'event.json'), encodeStruct(componentSchema, event, 'json'));
  const flags = ['--cmc-addr', daemon.address, '--event', 'event.json', '--json'];
  const { code, stdout } = await site.cmcctl('measure', ...flags);
  expect(code).toBe(0);
  expect(parseOutput('measure', stdout)).toStrictEqual({ success: true });
  expect((await daemon.containerLog.read())?.events?.map(({ name }) => name)).toContain('second');
});

test('a daemon that is lost between two reports: the first verdict stands, exit code 3', async () => {
  const site = await createSite();
  const prover = await site.startDaemon('prover');
  const files = ['--report', 'r', '--nonce', 'n'];
  await site.cmcctl('generate', '--cmc-addr', prover.address, ...files);
  const cmc = await createCmc({ metadataRoots: site.testbed.metadataRoots });
  let calls = 0;
  const address = `unix://${join(site.folder, 'dying.sock')}`;
  const server = await serveSocket(
    {
      ...cmc,
      verify: async (request, options) => {
        calls += 1;
        if (calls === 1) return await cmc.verify(request, options);
        void server.close({ graceMs: 0 });
        return await new Promise(() => {});
      },
    },
    { address },
  );
  onTestFinished(async () => await cmc[Symbol.asyncDispose]());
  const { code, stdout } = await site.cmcctl(
    ...['verify', '--cmc-addr', address, '--report', 'r,r', '--nonce', 'n', '--json'],
  );
  expect(parseOutput('verify', stdout).reports.map(({ status }) => status)).toStrictEqual([
    'success',
    'unavailable',
  ]);
  expect(code).toBe(3);
});

test('explain, diff and doctor print what their schemas say', async () => {
  const site = await createSite();
  const { address } = await site.startDaemon('prover', 'extraComponent');
  const files = ['--cmc-addr', address, '--nonce', 'n'];
  for (const name of ['r1', 'r2']) await site.cmcctl('generate', ...files, '--report', name);
  const explained = await site.cmcctl('explain', 'r2', ...files, '--json');
  expect(explained.code).toBe(1);
  expect(parseOutput('explain', explained.stdout).findings.length).toBeGreaterThan(0);
  const compared = await site.cmcctl('diff', 'r1', 'r2', '--json');
  expect(parseOutput('diff', compared.stdout).kind).toBe('reports');
  const examined = await site.cmcctl('doctor', '--cmc-addr', address, '--json');
  expect(parseOutput('doctor', examined.stdout).checks.length).toBeGreaterThan(3);
});

describe('publishing', () => {
  async function collector(status = 200) {
    const bodies: { readonly path: string; readonly body: string; readonly auth?: string }[] = [];
    const server = createServer(async (request: IncomingMessage, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { authorization: auth } = request.headers;
      bodies.push({ path: request.url ?? '', body, ...(auth === undefined ? {} : { auth }) });
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    return { bodies, url: `http://127.0.0.1:${port}` };
  }

  async function reported(variant: 'good' | 'extraComponent' = 'good') {
    const site = await createSite();
    const { address } = await site.startDaemon('prover', variant);
    const files = ['--report', 'r', '--nonce', 'n', '--cmc-addr', address];
    await site.cmcctl('generate', ...files);
    return {
      site,
      verify: (...more: readonly string[]) => site.cmcctl('verify', ...files, ...more),
    };
  }

  test('verify sends its result with the token, and writes it to a file', async () => {
    const { site, verify } = await reported();
    const { bodies, url } = await collector();
    writeFileSync(join(site.folder, 'token'), 'secret\n', { mode: 0o600 });
    const targets = ['--publish-results', `${url}/results`, '--publish-file', 'result.json'];
    const { code, stderr } = await verify(...targets, '--publish-token', 'token');
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    expect(bodies).toHaveLength(1);
    expect(bodies[0]).toMatchObject({ path: '/results', auth: 'Bearer secret' });
    const sent = JSON.parse(bodies[0]?.body ?? '');
    expect(sent).toMatchObject({ prover: { hostname: 'prover' }, summary: { status: 'success' } });
    const written = JSON.parse(readFileSync(join(site.folder, 'result.json'), 'utf8'));
    expect(written).toStrictEqual(sent);
  });

  test('a verdict stands when it cannot be published: 1 stays 1, 0 becomes 3', async () => {
    const { url } = await collector(500);
    const good = await reported();
    const outcome = await good.verify('--publish-results', url);
    expect(outcome).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/not published to .*ERR_PUBLISH_REFUSED/),
    });
    const bad = await reported('extraComponent');
    expect(await bad.verify('--publish-results', url)).toMatchObject({ code: 1 });
  });

  test('a server that does not answer is given up at the deadline', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      silent.closeAllConnections();
      silent.close();
    });
    const { port } = silent.address() as { port: number };
    const { verify } = await reported();
    const started = Date.now();
    const targets = ['--publish-results', `http://127.0.0.1:${port}`, '--timeout-seconds', '1'];
    expect(await verify(...targets)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/ERR_PUBLISH_ABORTED/),
    });
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  test('a URL that is not https is a wrong call', async () => {
    const { verify } = await reported();
    const { code, stderr } = await verify('--publish-results', 'http://example.org/');
    expect(code).toBe(2);
    expect(stderr).toMatch(/ERR_USAGE: publishResults/);
  });

  test('dial and listen publish what they think of each other', async () => {
    const site = await createSite();
    const [client, server] = [await site.startDaemon('client'), await site.startDaemon('server')];
    const { bodies, url } = await collector();
    const { cert, key } = site.files.server;
    const { address, child } = await site.startServer(
      ...(['listen', '--cmc-addr', server.address, '--root-cas', site.files.tlsCa] as const),
      ...['--cert', cert, '--key', key, '--publish-results', `${url}/by-server`],
    );
    const { code } = await site.cmcctl(
      ...['dial', '--cmc-addr', client.address, '--root-cas', site.files.tlsCa],
      ...['--addr', address, '--publish-results', `${url}/by-client`],
    );
    expect(code).toBe(0);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
    const seen = bodies.map(({ path, body }) => [path, JSON.parse(body).prover.hostname]);
    expect(seen.sort()).toStrictEqual([
      ['/by-client', 'server'],
      ['/by-server', 'client'],
    ]);
  });
});
