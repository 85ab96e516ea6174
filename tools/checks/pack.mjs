// Every published package: the tarball holds what it should, publint and attw find nothing.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { published, report, root } from './workspace.mjs';

const REQUIRED = ['README.md', 'LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts'];
const FORBIDDEN =
  /\.tsbuildinfo$|^test\/|\.test\.|\.fuzz\.|^node_modules\/|(^|\/)\.env|\.(key|pem)$/;

/** For packages with an addon: what `npm run native` makes. */
const TARGETS = ['linux-x64', 'linux-arm64'];

const problems = published.flatMap(({ folder, name, manifest }) => {
  const [{ files }] = JSON.parse(run('npm', ['pack', '--dry-run', '--json'], folder));
  const paths = files.map(({ path }) => path);
  const targets = Object.values(manifest.bin ?? {}).map((path) => path.replace(/^\.\//, ''));
  return [
    ...[...REQUIRED, ...targets, ...addonsOf(folder)]
      .filter((path) => !paths.includes(path))
      .map((path) => `${name}: the tarball lacks ${path}`),
    ...paths
      .filter((path) => FORBIDDEN.test(path))
      .map((path) => `${name}: the tarball has ${path}`),
    ...(manifest.license === 'Apache-2.0' ? [] : [`${name}: license is ${manifest.license}`]),
    ...lint(folder, name, manifest),
  ];
});
report('pack', problems);

function addonsOf(folder) {
  if (!existsSync(`${root}${folder}/addon`)) return [];
  return TARGETS.map((target) => `prebuilds/${target}/${basename(folder)}.node`);
}

function lint(folder, name, manifest) {
  // Files without types, such as a .proto, are no modules.
  const assets = Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === 'string' && !target.endsWith('.json'))
    .map(([subpath]) => subpath.slice(2));
  if (!existsSync(`${root}${folder}/dist/index.js`)) return [`${name}: not built`];
  return [
    ['publint', ['--strict']],
    [
      'attw',
      [
        ...['--pack', '--profile', 'esm-only', '--no-emoji', '--format', 'ascii'],
        ...(assets.length === 0 ? [] : ['--exclude-entrypoints', ...assets]),
      ],
    ],
  ].flatMap(([tool, args]) => {
    try {
      run(`${root}node_modules/.bin/${tool}`, args, folder);
      return [];
    } catch (error) {
      return [`${name}: ${tool}\n${error.stdout}${error.stderr}`];
    }
  });
}

function run(command, args, folder) {
  return execFileSync(command, args, { cwd: `${root}${folder}`, encoding: 'utf8', stdio: 'pipe' });
}
