import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { COMMANDS } from '../src/commands.ts';
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

const NAMES = COMMANDS.map(({ name }) => name);

test('--version prints the version of the package', async () => {
  const { cmcctl } = await createSite();
  expect(await cmcctl('--version')).toMatchObject({ code: 0, stdout: `${packageJson.version}\n` });
});

test.each([[''], ...NAMES.map((name) => [name])])('%s --help is as it was', async (name) => {
  const { cmcctl } = await createSite();
  const { code, stdout } = await cmcctl(...(name === '' ? [] : [name]), '--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(/Examples:\n {2}cmcctl /);
  expect(stdout).toMatchSnapshot();
});

describe('exits with 2 and a suggestion for', () => {
  test.each([
    [['verfy'], /verify/],
    [['verify', '--reprot', 'x'], /--report/],
    [['inspect', 'reprot', 'x'], /did you mean "report"/],
  ])('%j', async (args, suggestion) => {
    const { cmcctl } = await createSite();
    const { code, stderr } = await cmcctl(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(suggestion);
  });

  test('an unknown key in a config file', async () => {
    const { folder, cmcctl } = await createSite();
    writeFileSync(join(folder, 'c.json'), JSON.stringify({ cmcAdr: 'x' }));
    const { code, stderr } = await cmcctl('update-certs', '--config', 'c.json');
    expect(code).toBe(2);
    expect(stderr).toMatch(/ERR_CONFIG_UNKNOWN_KEY: .*cmcAdr.*cmcAddr/);
  });
});

test.each([
  [['verify'], /report/],
  [['verify', '--report', 'missing', '--nonce', '00'.repeat(8)], /missing/],
  [['enroll-key'], /key-id/],
  [['dial'], /addr/],
  [['dial', '--addr', 'localhost:1'], /root-cas/],
  [['listen'], /addr/],
  [['serve'], /addr/],
  [['request', '--addr', 'http://localhost'], /https/],
  [['measure'], /event/],
  [['token'], /store/],
  [['completion', 'tcsh'], /bash/],
  [['generate', '--standalone'], /container-log/],
])('%j is a wrong call: exit code 2', async (args, reason) => {
  const { cmcctl } = await createSite();
  const { code, stderr } = await cmcctl(...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(/ERR_/);
  expect(stderr).toMatch(reason);
});

test.each(['update-certs', 'update-metadata', 'generate'])(
  '%s without a daemon exits with 3',
  async (name) => {
    const { cmcctl } = await createSite();
    const outcome = await cmcctl(name, '--cmc-addr', 'unix:///nowhere/cmcd.sock');
    expect(outcome).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/ERR_API_UNAVAILABLE/),
    });
  },
);

test.each(['bash', 'zsh', 'fish'])('completion for %s names every command', async (shell) => {
  const { cmcctl } = await createSite();
  const { code, stdout } = await cmcctl('completion', shell);
  expect(code).toBe(0);
  for (const name of NAMES) expect(stdout).toContain(name);
});
