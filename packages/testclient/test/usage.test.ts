import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

test('--version prints the version of the package', async () => {
  const { testclient } = await createSite();
  const outcome = await testclient('--version');
  expect(outcome).toStrictEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
});

test.each([['--help'], ['dial', '--help'], ['generate', '--help'], ['verify', '--help']])(
  '%s %s explains and exits with 0',
  async (...args) => {
    const { testclient } = await createSite();
    const { code, stdout } = await testclient(...args.filter((each) => each !== undefined));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: testclient/);
  },
);

describe('exits with 2 and a suggestion for', () => {
  test.each([
    [['dail'], /dial/],
    [['dial', '--atest', 'none'], /--attest/],
  ])('%j', async (args, suggestion) => {
    const { testclient } = await createSite();
    const { code, stderr } = await testclient(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(suggestion);
  });

  test('an unknown key in a config file', async () => {
    const { folder, testclient } = await createSite();
    writeFileSync(join(folder, 'client.json'), JSON.stringify({ cmcAdr: 'x' }));
    const { code, stderr } = await testclient('generate', '--config', 'client.json');
    expect(code).toBe(2);
    expect(stderr).toMatch(/ERR_CONFIG_UNKNOWN_KEY: .*cmcAdr.*cmcAddr/);
  });
});

describe('exits with 2 for', () => {
  test.each([
    ['no command', [], /Usage/],
    ['dial without a server', ['dial'], /ERR_USAGE: .*addr/],
    ['an unknown mode', ['dial', '--attest', 'both'], /attest/],
    ['a deadline that is no number', ['dial', '--timeout-seconds', 'soon'], /timeout-seconds/],
    ['a missing config file', ['verify', '--config', 'missing.json'], /missing\.json/],
    ['an address without a port', ['dial', '--addr', 'localhost', '--attest', 'none'], /addr/],
    ['a missing certificate', ['dial', '--addr', 'a:1', '--cert', 'missing.pem'], /missing\.pem/],
  ])('%s', async (_, args, message) => {
    const { testclient } = await createSite();
    const { code, stderr } = await testclient(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

test('settings come from config files, and flags win', async () => {
  const { folder, testclient, startDaemon } = await createSite();
  const { address } = await startDaemon('prover');
  const settings = { cmcAddr: address, report: 'from-config', json: true };
  writeFileSync(join(folder, 'client.json'), JSON.stringify(settings));
  const { code, stdout } = await testclient('generate', '--config', 'client.json', '--nonce', 'n');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ report: 'from-config', nonce: 'n' });
});
