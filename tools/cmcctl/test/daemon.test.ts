import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS, writeParty } from '@cmc/testbed';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
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

test.each(['update-certs', 'update-metadata'])('%s succeeds with a daemon', async (name) => {
  const site = await createSite();
  const { address } = await site.startDaemon('prover');
  const { code, stdout } = await site.cmcctl(name, '--cmc-addr', address, '--json');
  expect({ code, outcome: JSON.parse(stdout) }).toStrictEqual({
    code: 0,
    outcome: { success: true },
  });
});

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
  const main = join(import.meta.dirname, '../dist/main.js');
  const child = spawn(process.execPath, [
    ...[main, 'serve', '--addr', '127.0.0.1:0', '--json', '--cmc-addr', server.address],
    ...['--root-cas', site.files.tlsCa, '--cert', cert, '--key', key],
  ]);
  onTestFinished(() => void child.kill());
  const port = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error('serve ended')));
    child.stderr.on('data', (text) => {
      const found = /"address":"127\.0\.0\.1:(\d+)"/.exec(text);
      if (found) resolve(found[1] ?? '');
    });
  });
  const flags = ['--addr', `https://localhost:${port}/data?x=1`, '--root-cas', site.files.tlsCa];
  const { code, stdout } = await site.cmcctl(
    ...['request', '--cmc-addr', client.address, ...flags, '--json'],
  );
  expect(code).toBe(0);
  const { httpStatus, answer } = JSON.parse(stdout);
  expect(httpStatus).toBe(200);
  expect(JSON.parse(answer)).toMatchObject({ method: 'GET', url: '/data?x=1' });
});
