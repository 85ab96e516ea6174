import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

test('--version prints the version of the package', async () => {
  const { run } = await createSite();
  const outcome = await run('--version');
  expect(outcome).toStrictEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
});

test('--help explains and exits with 0', async () => {
  const { run } = await createSite();
  const { code, stdout } = await run('--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: testconnector/);
});

describe('exits with 2 for', () => {
  test.each<[string, readonly string[], RegExp]>([
    ['an unknown flag', ['--atest', 'none'], /--attest/],
    ['no address', [], /addr/],
    ['no certificate', ['--addr', '127.0.0.1:0'], /ERR_USAGE: .*cert and key/],
    ['an unknown mode', ['--addr', '127.0.0.1:0', '--attest', 'both'], /attest/],
    ['a missing config file', ['--config', 'missing.json'], /missing\.json/],
  ])('%s', async (_, args, message) => {
    const { run } = await createSite();
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('an unknown key in a config file, with a suggestion', async () => {
    const { folder, run } = await createSite();
    writeFileSync(join(folder, 'connector.json'), JSON.stringify({ adr: '127.0.0.1:0' }));
    const { code, stderr } = await run('--config', 'connector.json');
    expect(code).toBe(2);
    expect(stderr).toMatch(/ERR_CONFIG_UNKNOWN_KEY: .*adr.*addr/);
  });

  test('files that are missing, or hold something else', async () => {
    const { files, flags, run } = await createSite();
    for (const [flag, file] of [
      ['--cert', 'missing.pem'],
      ['--key', files.server.cert],
      ['--cert', files.server.key],
      ['--policies', 'missing.js'],
    ] as const) {
      const { code, stderr } = await run(...flags, flag, file);
      expect(code, `${flag} ${file}`).toBe(2);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  test('an address without a port', async () => {
    const { flags, run } = await createSite();
    const { code, stderr } = await run(...flags, '--addr', 'localhost');
    expect(code).toBe(2);
    expect(stderr).toMatch(/ERR_CONFIG_VALUE: addr: expected host:port, got "localhost"/);
  });

  test('an address that is taken', async () => {
    const { start, flags, run } = await createSite();
    const { port } = await start();
    const { code, stderr } = await run(...flags, '--addr', `127.0.0.1:${port}`);
    expect(code).toBe(2);
    expect(stderr).toMatch(/EADDRINUSE/);
  });
});

test('settings come from config files, and flags win', async () => {
  const { folder, start } = await createSite();
  writeFileSync(join(folder, 'c.json'), JSON.stringify({ attest: 'none', addr: '127.0.0.1:1' }));
  const { program, dial } = await start('--config', join(folder, 'c.json'));
  expect(await program.logged('listening')).toMatchObject({ attest: 'none' });
  expect(await dial('good', { attest: 'none' })).toMatchObject({ code: 'connected' });
});
