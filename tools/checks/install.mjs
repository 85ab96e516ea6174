// Every published package installs from its tarball in an empty folder outside the repository, runs
// the example of its README there, and stays within its dependency budget.
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { published, report, root } from './workspace.mjs';

/** Third-party packages and megabytes (sum of file sizes) that an installation may bring. */
const BUDGETS = {
  '@cmc/attested-tls': { packages: 45, megabytes: 16 },
  '@cmc/attestationreport': { packages: 10, megabytes: 16 },
};
const TIMEOUT_MS = 120_000;

/** What can be the example of a README, and how it is run; the first that is there counts. */
const EXAMPLES = [
  { block: /```ts\n([\s\S]*?)```/, run: runTypeScript },
  { block: /```js\n([\s\S]*?)```/, run: runJavaScript },
  { block: /```sh run\n([\s\S]*?)```/, run: runShell },
];

const work = mkdtempSync(join(tmpdir(), 'cmc-install-'));
try {
  const tarballs = new Map(published.map(({ folder, name }) => [name, pack(folder)]));
  report(
    'install',
    published.flatMap((entry) => problemsOf(entry, tarballs)),
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}

function problemsOf({ folder, name }, tarballs) {
  const place = join(work, basename(folder));
  mkdirSync(place);
  const ours = closure(name);
  // Nothing of ours is on a registry yet: the tarballs stand in for every name of this workspace.
  const overrides = Object.fromEntries(ours.map((own) => [own, `file:${tarballs.get(own)}`]));
  writeFileSync(
    join(place, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies: overrides }),
  );
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], place);

  const problems = [];
  const installed = thirdParty(join(place, 'node_modules'));
  const megabytes = installed.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const budget = BUDGETS[name];
  const size = `${installed.length} packages, ${megabytes.toFixed(1)} MB besides our own`;
  if (
    budget !== undefined &&
    (installed.length > budget.packages || megabytes > budget.megabytes)
  ) {
    problems.push(`${name}: ${size}, allowed ${budget.packages} packages, ${budget.megabytes} MB`);
  }
  const readme = readFileSync(`${root}${folder}/README.md`, 'utf8');
  const kind = EXAMPLES.find(({ block }) => block.test(readme));
  if (kind === undefined) return [...problems, `${name}: README.md has no example`];
  try {
    kind.run(place, kind.block.exec(readme)[1]);
    console.log(`install: ${name}: example ran, ${size}`);
  } catch (error) {
    problems.push(`${name}: the example of README.md failed\n${error.stdout}${error.stderr}`);
  }
  return problems;
}

/** The package and everything of this workspace that it depends on. */
function closure(name, seen = new Set()) {
  const entry = published.find((candidate) => candidate.name === name);
  if (entry === undefined || seen.has(name)) return [...seen];
  seen.add(name);
  const { dependencies, optionalDependencies } = entry.manifest;
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies }))
    closure(dependency, seen);
  return [...seen];
}

function thirdParty(modules) {
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.') && name !== '@cmc')
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(modules, name)).map((sub) => join(name, sub))
        : [name],
    )
    .flatMap((name) => {
      const folder = join(modules, name);
      const nested = (() => {
        try {
          return thirdParty(join(folder, 'node_modules'));
        } catch {
          return [];
        }
      })();
      return [{ name, bytes: sizeOf(folder) }, ...nested.map((entry) => ({ ...entry, bytes: 0 }))];
    });
}

function sizeOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function pack(folder) {
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', work], `${root}${folder}`),
  );
  return join(work, filename);
}

function run(command, args, cwd) {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: 'pipe',
    timeout: TIMEOUT_MS,
  });
}

/** Type-checks the example against what was installed, then runs it. */
function runTypeScript(place, text) {
  writeFileSync(join(place, 'example.ts'), text);
  const options = {
    ...{ module: 'nodenext', target: 'es2023', strict: true, skipLibCheck: false },
    ...{
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
      typeRoots: [`${root}node_modules/@types`],
    },
  };
  const config = { compilerOptions: options, files: ['example.ts'] };
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(config));
  run(`${root}node_modules/.bin/tsc`, ['-p', '.'], place);
  run(process.execPath, ['example.js'], place);
}

function runJavaScript(place, text) {
  writeFileSync(join(place, 'example.mjs'), text);
  run(process.execPath, ['example.mjs'], place);
}

function runShell(place, text) {
  run('bash', ['-euc', text], place);
}
