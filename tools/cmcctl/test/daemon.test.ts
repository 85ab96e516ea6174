import { createServer } from 'node:net';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS, writeParty } from '@cmc/testbed';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { parseOutput } from './outputs.ts';
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

test('generate --standalone makes a report that verify --standalone accepts', async () => {
  const site = await createSite();
  const party = await site.testbed.party('alone');
  const { storage, metadata } = await writeParty(site.folder, party, site.files);
  const log = join(storage, 'container-log.json');
  const source = ['--metadata', metadata.join(','), '--container-log', log];
  const nonce = 'ab'.repeat(16);
  const files = ['--report', 'r', '--nonce', nonce];
  expect(await site.cmcctl('generate', '--standalone', ...source, ...files)).toMatchObject({
    code: 0,
  });
  const verify = ['verify', '--standalone', '--root-cas', site.files.metadataCa, ...files];
  expect(await site.cmcctl(...verify)).toMatchObject({ code: 0 });
});

test.each(['update-certs', 'update-metadata'] as const)(
  '%s succeeds with a daemon',
  async (name) => {
    const site = await createSite();
    const { address } = await site.startDaemon('prover');
    const { code, stdout } = await site.cmcctl(name, '--cmc-addr', address, '--json');
    expect(code).toBe(0);
    expect(parseOutput(name, stdout)).toStrictEqual({ success: true });
  },
);

test('a daemon that does not answer is given up at the deadline: exit code 3', async () => {
  const site = await createSite();
  const silent = createServer().listen(join(site.folder, 'silent.sock'));
  onTestFinished(() => void silent.close());
  const where = `unix://${join(site.folder, 'silent.sock')}`;
  const outcome = await site.cmcctl('generate', '--cmc-addr', where, '--timeout-seconds', '1');
  expect(outcome).toMatchObject({ code: 3, stderr: expect.stringMatching(/ERR_CMCCTL_TIMEOUT/) });
});

test('request gets the answer of serve', async () => {
  const site = await createSite();
  const [client, server] = [await site.startDaemon('client'), await site.startDaemon('server')];
  const { cert, key } = site.files.server;
  const { address } = await site.startServer(
    ...(['serve', '--cmc-addr', server.address] as const),
    ...['--root-cas', site.files.tlsCa, '--cert', cert, '--key', key],
  );
  const url = `https://localhost:${address.split(':')[1]}/data?x=1`;
  const { code, stdout } = await site.cmcctl(
    ...['request', '--cmc-addr', client.address, '--addr', url],
    ...['--root-cas', site.files.tlsCa, '--json'],
  );
  expect(code).toBe(0);
  const { httpStatus, answer } = parseOutput('request', stdout);
  expect(httpStatus).toBe(200);
  expect(JSON.parse(answer ?? '')).toMatchObject({ method: 'GET', url: '/data?x=1' });
});
