import { Command } from 'commander';
import * as v from 'valibot';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  addSettingFlags,
  ConfigError,
  EXIT,
  runProgram,
  setting,
  settingsOf,
  text,
} from '../src/index.ts';

const schema = v.strictObject({
  cmcAddr: setting(text, 'Where the daemon is'),
  mtls: setting(v.boolean(), 'Whether'),
  limit: setting(v.pipe(v.number(), v.integer()), 'How many'),
  rootCas: setting(v.array(text), 'Which'),
  objects: setting(v.array(v.strictObject({ a: text })), 'In config files only'),
});

async function parse(...args: string[]): Promise<unknown> {
  let settings: unknown;
  const command = addSettingFlags(new Command('program'), schema).action(async () => {
    settings = await settingsOf(command, schema);
  });
  await runProgram(command, ['node', 'program', ...args]);
  return settings;
}

afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

describe('settingsOf', () => {
  test('reads texts, booleans, numbers and lists from flags', async () => {
    expect(
      await parse('--cmc-addr', 'unix:///x', '--mtls', '--limit', '3', '--root-cas', 'a.pem,b.pem'),
    ).toStrictEqual({ cmcAddr: 'unix:///x', mtls: true, limit: 3, rootCas: ['a.pem', 'b.pem'] });
    expect(await parse('--mtls', 'false')).toStrictEqual({ mtls: false });
  });
});

describe('runProgram', () => {
  test.each([
    ['a number that is none', ['--limit', 'many']],
    ['an unknown flag', ['--lmit', '3']],
    ['a config file that is not there', ['--config', '/nonexistent/config.json']],
  ])('exits with 2 for %s', async (_, args) => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await parse(...args);
    expect(process.exitCode).toBe(EXIT.usage);
  });

  test('exits with 0 for --help, which describes each setting', async () => {
    const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await parse('--help');
    expect(process.exitCode).toBe(EXIT.success);
    expect(output.mock.calls.join('')).toContain('--cmc-addr <value>');
    expect(output.mock.calls.join('')).not.toContain('--objects');
  });

  test('exits with 2 for a wrong flag of a command below a command', async () => {
    const program = new Command('tool');
    const write = vi.fn();
    program.configureOutput({ writeErr: write });
    program
      .command('create')
      .command('thing')
      .action(() => {});
    await runProgram(program, ['node', 'tool', 'create', 'thing', '--bogus']);
    expect(process.exitCode).toBe(2);
  });

  test('knows the errors of another copy of commander', async () => {
    const output = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const command = new Command('program').action(() => {
      throw Object.assign(new Error('1.2.3'), { code: 'commander.version', exitCode: 0 });
    });
    await runProgram(command, ['node', 'program']);
    expect(output).not.toHaveBeenCalled();
    expect(process.exitCode).toBe(EXIT.success);
  });

  test('prints an error of an action with its code', async () => {
    const output = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const command = new Command('program').action(() => {
      throw new ConfigError('ERR_CONFIG_VALUE', 'limit: expected less');
    });
    await runProgram(command, ['node', 'program']);
    expect(output.mock.calls.join('')).toBe('program: ERR_CONFIG_VALUE: limit: expected less\n');
    expect(process.exitCode).toBe(EXIT.usage);
  });
});
