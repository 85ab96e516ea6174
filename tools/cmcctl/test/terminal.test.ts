import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS, type ProgramEnd } from '@cmc/testbed';
import { vectorsDir } from '@cmc/testkit';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '../src/commands.ts';
import { createProgress } from '../src/progress.ts';
import { buildProgram, createSite, type Site } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

const ESCAPE = '\u001b';

const bash = (site: Site, script: string): Promise<ProgramEnd> =>
  site.shell('bash', ['--noprofile', '--norc', '-c', script]);

describe('a reader that has seen enough', () => {
  test.each([
    ['of the help', 'cmcctl --help'],
    [
      'of a long output',
      `cmcctl inspect eventlog --json '${join(vectorsDir(), 'eventlog/ccel-gcp-cos113.bin')}'`,
    ],
  ])('%s is no fault', async (_, command) => {
    const site = await createSite();
    const script = `set -o pipefail; ${command} | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`;
    expect(await bash(site, script)).toMatchObject({ code: 0, stdout: '0\n', stderr: '' });
  });

  test('does not turn a refusal into a success', async () => {
    const site = await createSite();
    const report = join(vectorsDir(), 'snp/milan-v2-lit-793-bytes/report.bin');
    const script = `cmcctl inspect snp '${report}' | true; echo "\${PIPESTATUS[0]}"`;
    expect(await bash(site, script)).toMatchObject({ stdout: '1\n', stderr: '' });
  });
});

describe('completion in bash', () => {
  const complete = async (...words: readonly string[]): Promise<readonly string[]> => {
    const site = await createSite();
    const list = words.map((word) => `'${word}'`).join(' ');
    const script =
      'eval "$(cmcctl completion bash)"; complete -p cmcctl >/dev/null || exit 9; ' +
      `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _cmcctl; ` +
      `printf "%s\\n" "\${COMPREPLY[@]}"`;
    const { code, stdout, stderr } = await bash(site, script);
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    return stdout.split('\n').filter((line) => line !== '');
  };

  test('completes commands', async () => {
    expect(await complete('cmcctl', '')).toStrictEqual(COMMANDS.map(({ name }) => name));
    expect(await complete('cmcctl', 'update')).toStrictEqual(['update-certs', 'update-metadata']);
  });

  test('completes the flags of a command, and leaves values to the shell', async () => {
    expect(await complete('cmcctl', 'verify', '--ear')).toStrictEqual(['--ear-key', '--ear-out']);
    expect(await complete('cmcctl', 'verify', '--report', '')).toStrictEqual([]);
  });

  test('completes kinds of inspect and values of settings', async () => {
    expect(await complete('cmcctl', 'inspect', 'e')).toStrictEqual(['eventlog']);
    expect(await complete('cmcctl', 'completion', '')).toStrictEqual(['bash', 'zsh', 'fish']);
    expect(await complete('cmcctl', 'verify', '--format', 'j')).toStrictEqual(['json', 'junit']);
  });
});

describe('colours', () => {
  async function verifyOnTerminal(env: NodeJS.ProcessEnv): Promise<string> {
    const site = await createSite();
    const { address } = await site.startDaemon('prover');
    const files = ['--cmc-addr', address, '--report', 'r', '--nonce', 'n'];
    await site.cmcctl('generate', ...files);
    // Of util-linux: runs a command with a pseudoterminal and passes its exit code on.
    const command = `cmcctl verify ${files.join(' ')}`;
    const { code, stdout } = await site.shell('script', ['-qec', command, '/dev/null'], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/success/);
    return stdout;
  }

  test('are there on a terminal', async () => {
    expect(await verifyOnTerminal({})).toContain(`${ESCAPE}[32msuccess${ESCAPE}[0m r`);
  });

  test('are off with NO_COLOR', async () => {
    expect(await verifyOnTerminal({ NO_COLOR: '1' })).not.toContain(ESCAPE);
  });
});

describe('progress', () => {
  function stream(isTTY: boolean) {
    const written: string[] = [];
    const write = (text: string): boolean => written.push(text) > 0;
    return { written, stream: { isTTY, columns: 20, write } as unknown as NodeJS.WriteStream };
  }

  test('is one line on a terminal, after a while, and gone at the end', () => {
    vi.useFakeTimers();
    try {
      const { written, stream: terminal } = stream(true);
      const progress = createProgress(terminal);
      progress.show('too early');
      vi.advanceTimersByTime(400);
      progress.show('half\u0007 of it, which does not fit the line');
      progress.show('too soon');
      vi.advanceTimersByTime(400);
      progress.show('all');
      progress.end();
      const clear = `\r${ESCAPE}[K`;
      expect(written).toStrictEqual([`${clear}half\ufffd of it, which `, `${clear}all`, clear]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('says nothing elsewhere', () => {
    vi.useFakeTimers();
    try {
      const { written, stream: file } = stream(false);
      const progress = createProgress(file);
      vi.advanceTimersByTime(1000);
      progress.show('half');
      progress.end();
      expect(written).toStrictEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('of a long IMA list shows on a terminal, and its output stays whole', async () => {
    const site = await createSite();
    const list = readFileSync(join(vectorsDir(), 'vm-ovmf/ima-2.bin'));
    const copies = Math.ceil((8 << 20) / list.length);
    writeFileSync(join(site.folder, 'long.bin'), Buffer.concat(Array(copies).fill(list)));
    const command = 'cmcctl inspect ima long.bin --json >out.json';
    const { code, stdout } = await site.shell('script', ['-qec', command, '/dev/null']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/IMA list, \w+: \d+ %/);
    expect(stdout.endsWith(`\r${ESCAPE}[K`)).toBe(true);
    const { entries } = JSON.parse(readFileSync(join(site.folder, 'out.json'), 'utf8'));
    expect(entries % copies).toBe(0);
  });
});
