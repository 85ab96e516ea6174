import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '@cmc/host';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { readStatus } from '../../src/services/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const HASH = 'ab'.repeat(32);

afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

/** A config file with a folder for statuses, and what calls of the program there do. */
function world() {
  const folder = join(temporaryFolder(), 'omsp');
  mkdirSync(folder);
  const config = join(folder, '..', 'provserver.json');
  const settings = {
    estCaKey: 'ca.key',
    estCaChain: ['ca.pem'],
    tlsKey: 'tls.key',
    tlsCaChain: ['tls.pem'],
    rootCas: ['ca.pem'],
    database: 'sqlite:///nowhere/prov.db',
  };
  writeFileSync(config, JSON.stringify({ ...settings, omspFolder: folder }));
  const run = async (...args: string[]) => {
    let out = '';
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    process.exitCode = undefined;
    const program = createProgram((text) => {
      out += text;
    });
    await runProgram(program, ['node', 'provserver', 'omsp', 'set', ...args, '--config', config]);
    return { code: Number(process.exitCode ?? 0), out };
  };
  return { folder, config, settings, run };
}

describe('provserver omsp set', () => {
  test('R36 revokes a manifest now, with a reason, without a database', async () => {
    const { folder, run } = world();
    const before = Math.floor(Date.now() / 1000) * 1000;
    expect(await run(HASH.toUpperCase(), '--status', 'revoked', '--reason', 'CVE')).toEqual({
      code: 0,
      out: `${HASH} is revoked, was unknown\n`,
    });
    const stored = await readStatus(folder, HASH);
    expect(stored).toEqual({
      status: 'revoked',
      revocationReason: 'CVE',
      revocationTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    const time = Date.parse(stored?.revocationTime ?? '');
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
    expect(readdirSync(folder)).toEqual([`${HASH}.json`]);
  });

  test('replaces what was said before, and says what that was', async () => {
    const { folder, run } = world();
    await run(HASH, '--status', 'revoked', '--reason', 'CVE');
    const { out } = await run(HASH, '--status', 'good', '--json');
    expect(JSON.parse(out)).toEqual({ manifestHash: HASH, status: 'good', was: 'revoked' });
    expect(await readStatus(folder, HASH)).toEqual({ status: 'good' });
    expect((await run(HASH, '--status', 'outdated')).out).toBe(`${HASH} is outdated, was good\n`);
  });

  test('replaces a file that cannot be read', async () => {
    const { folder, run } = world();
    writeFileSync(join(folder, `${HASH}.json`), '{');
    expect((await run(HASH, '--status', 'good')).out).toBe(`${HASH} is good, was unknown\n`);
    expect(await readStatus(folder, HASH)).toEqual({ status: 'good' });
  });

  test.each([
    [['abcd', '--status', 'good']],
    [['../../etc/passwd', '--status', 'good']],
    [[HASH]],
    [[HASH, '--status', 'fine']],
    [[HASH, '--status', 'unknown']],
    [[HASH, '--status', 'good', '--reason', 'none']],
    [[HASH, '--status', 'revoked', '--reason', 'x'.repeat(20_000)]],
  ])('refuses %j, and writes nothing', async (args) => {
    const { folder, run } = world();
    expect(await run(...args)).toEqual({ code: 2, out: '' });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('says so when there is no folder, in the settings or on the disk', async () => {
    const { folder, config, settings, run } = world();
    rmSync(folder, { recursive: true });
    expect((await run(HASH, '--status', 'good')).code).toBe(2);
    writeFileSync(config, JSON.stringify(settings));
    expect((await run(HASH, '--status', 'good')).code).toBe(2);
  });
});
