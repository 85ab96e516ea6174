// The guides are one walk: their commands run in one folder, one after the other, and print what the
// guides say they print.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { published, root } from '../../checks/workspace.mjs';
import { parseMarkdown } from '../src/markdown.mjs';

const OVERVIEW = 'docs/guides/README.md';
const TIMEOUT_MS = 180_000;
const MARK = '@@ step';

const read = (file) => parseMarkdown(readFileSync(`${root}${file}`, 'utf8'));
const guides = [
  OVERVIEW,
  ...read(OVERVIEW)
    .links.map((href) => posix.join('docs/guides', href))
    .filter((file) => posix.dirname(file) === 'docs/guides'),
];
const steps = guides.flatMap((file) => stepsOf(file));

test('the commands of the guides run and print what the guides say', async () => {
  assert.ok(steps.length > 15, `${steps.length} steps`);
  const folder = mkdtempSync(join(tmpdir(), 'cmc-guides-'));
  try {
    const outputs = await run(steps, folder);
    for (const [index, { file, text, expected }] of steps.entries()) {
      const output = outputs[index]?.split('\n') ?? [];
      for (const line of expected) {
        const found = output.some((printed) => patternOf(line).test(printed));
        assert.ok(
          found,
          `${file}: nothing like\n${line}\nin the output of\n${text}${outputs[index]}`,
        );
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Blocks marked `sh run`, each with the lines of the `text` block after it. */
function stepsOf(file) {
  const { blocks } = read(file);
  return blocks.flatMap(({ info, text }, index) => {
    if (info !== 'sh run') return [];
    const next = blocks[index + 1];
    return [{ file, text, expected: next?.info === 'text' ? next.text.split('\n') : [] }];
  });
}

/** In a guide, `…` stands for whatever is another each time. */
function patternOf(line) {
  const parts = line.trim().split('…');
  return new RegExp(
    `^\\s*${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}\\s*$`,
  );
}

/** A folder with the programs as they are built; npm links only what was there when it installed. */
function installPrograms(folder) {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const { folder: place, manifest } of published) {
    for (const [name, main] of Object.entries(manifest.bin ?? {})) {
      const script = `#!/bin/sh\nexec '${process.execPath}' '${join(root, place, main)}' "$@"\n`;
      writeFileSync(join(bin, name), script, { mode: 0o755 });
    }
  }
  return bin;
}

/** What each step printed. Ends every program that the steps started. */
async function run(commands, folder) {
  const script = [
    'set -euo pipefail',
    "trap 'kill $(jobs -p) || true; wait' EXIT",
    ...commands.flatMap(({ text }) => [`echo '${MARK}'`, text]),
  ].join('\n');
  const work = join(folder, 'work');
  mkdirSync(work);
  const child = spawn('bash', ['-c', script], {
    cwd: work,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CMC: root, PATH: `${installPrograms(folder)}:${process.env.PATH}` },
  });
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), TIMEOUT_MS);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    errors += chunk;
  });
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  const outputs = output.split(`${MARK}\n`).slice(1);
  const last = commands[outputs.length - 1];
  assert.equal(code, 0, `${last?.file}: this failed:\n${last?.text}\n${outputs.at(-1)}${errors}`);
  return outputs;
}
