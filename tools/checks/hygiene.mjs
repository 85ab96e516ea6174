// Nothing of a developer's machine in the tree: no registry hosts in the lock file, no absolute
// home paths, no leftovers of merges.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { report, root } from './workspace.mjs';

const RULES = [
  ['package-lock.json names a download address', /^package-lock\.json$/, /"resolved": "https?:/],
  ["a path of somebody's machine", /./, /(?:^|[\s"'`(=])\/(?:home|root|Users|work)\/[\w.-]+/m],
  ['a merge conflict', /./, /^(?:<{7}|>{7}) /m],
  ['an exclusive test', /\.(?:test|fuzz)\.ts$/, /\b(?:test|it|describe)\.(?:only|skip|todo)\(/],
];
const TEXT = /\.(?:ts|js|mjs|cjs|json|md|yml|yaml|proto|service|sh)$|(?:^|\/)run$/;

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => TEXT.test(file) && file !== 'tools/checks/hygiene.mjs');
const problems = files.flatMap((file) => {
  const text = readFileSync(`${root}${file}`, 'utf8');
  return RULES.filter(([, where, what]) => where.test(file) && what.test(text)).map(
    ([problem]) => `${file}: ${problem}`,
  );
});
report('hygiene', problems);
