// Compiles the C sources in a package's `addon/` to `prebuilds/<platform>-<arch>/<package>.node`.
// The result runs on every Node from 20 on: it uses Node-API and OpenSSL 3 only, whose ABIs are
// stable, and is made with the headers of the Node that runs this.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const COMPILERS = {
  'linux-x64': process.arch === 'x64' ? 'gcc' : 'x86_64-linux-gnu-gcc',
  'linux-arm64': process.arch === 'arm64' ? 'gcc' : 'aarch64-linux-gnu-gcc',
};
const headers = join(dirname(dirname(process.execPath)), 'include', 'node');
const FLAGS = [
  '-std=gnu11',
  '-O2',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-fstack-protector-strong',
  '-Wall',
  '-Wextra',
  '-Werror',
  // Symbols are bound when it is loaded: one that is missing is an error then, not an abort later.
  '-Wl,-z,now',
  '-Wl,-z,relro',
  '-Wl,--build-id=none',
  '-s',
  '-DNAPI_VERSION=8',
  '-DOPENSSL_API_COMPAT=30000',
  '-DOPENSSL_NO_DEPRECATED',
  `-ffile-prefix-map=${root}=`,
  `-I${headers}`,
];

if (!existsSync(join(headers, 'node_api.h'))) {
  throw new Error(`the headers of Node are missing: expected ${headers}/node_api.h`);
}
const packages = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'addon')),
);
for (const name of packages) {
  const folder = join(root, 'packages', name);
  const files = readdirSync(join(folder, 'addon')).map((file) => join('addon', file));
  const sources = files.filter((file) => file.endsWith('.c')).sort();
  for (const [target, compiler] of Object.entries(COMPILERS)) {
    const output = join('prebuilds', target, `${basename(folder)}.node`);
    if (isCurrent(folder, output, files)) continue;
    mkdirSync(dirname(join(folder, output)), { recursive: true });
    execFileSync(compiler, [...FLAGS, ...sources, '-o', `${output}.new`], {
      cwd: folder,
      stdio: 'inherit',
    });
    renameSync(join(folder, `${output}.new`), join(folder, output));
    console.log(`${name}: ${output}, ${statSync(join(folder, output)).size} bytes`);
  }
}

function isCurrent(folder, output, files) {
  const built = statSync(join(folder, output), { throwIfNoEntry: false });
  return (
    built !== undefined &&
    [join(folder, 'package.json'), ...files.map((file) => join(folder, file))].every(
      (file) => statSync(file).mtimeMs < built.mtimeMs,
    )
  );
}
