import { existsSync, realpathSync } from 'node:fs';
import { chmod, cp, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
/** Of the packages of the workspace; of others all is taken. */
const PUBLISHED: readonly string[] = ['package.json', 'dist', 'src', 'systemd', 'prebuilds'];

interface Manifest {
  readonly name: string;
  /** Programs; npm makes them executable. */
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Copies packages of the workspace, as they would be installed, with all they depend on. */
export async function installPackages(names: readonly string[], target: string): Promise<void> {
  const done = new Set<string>();
  const open = names.map((name) => find(name, REPOSITORY, name));
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    if (done.has(folder)) continue;
    done.add(folder);
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
    await install(folder, manifest, target);
    const optional = { ...manifest.peerDependencies, ...manifest.optionalDependencies };
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      open.push(find(name, folder, manifest.name));
    }
    for (const name of Object.keys(optional)) {
      const found = resolve(name, folder);
      if (found !== undefined) open.push(found);
    }
  }
}

async function install(
  folder: string,
  { name, bin = {} }: Manifest,
  target: string,
): Promise<void> {
  const place = relative(REPOSITORY, folder);
  if (isWorkspace(folder)) {
    for (const part of PUBLISHED) {
      const source = join(folder, part);
      if (!existsSync(source)) continue;
      await cp(source, join(target, 'node_modules', name, part), { recursive: true });
    }
    if (!existsSync(join(folder, 'dist'))) throw new Error(`${name} is not built: npm run build`);
    for (const main of Object.values(bin)) {
      await chmod(join(target, 'node_modules', name, main), 0o755);
    }
    return;
  }
  await cp(folder, join(target, await installedPlace(place)), {
    recursive: true,
    // Those below it are dependencies with an entry of their own.
    filter: (source) => relative(folder, source).split('/')[0] !== 'node_modules',
  });
}

/** `packages/x/node_modules/y` is below the name of x, where it is installed. */
async function installedPlace(place: string): Promise<string> {
  const at = place.indexOf('/node_modules/');
  if (place.startsWith('node_modules/') || at < 0) return place;
  const owner = join(REPOSITORY, place.slice(0, at), 'package.json');
  const { name } = JSON.parse(await readFile(owner, 'utf8')) as Manifest;
  return join('node_modules', name, place.slice(at));
}

function isWorkspace(folder: string): boolean {
  return !relative(REPOSITORY, folder).split('/').includes('node_modules');
}

function find(name: string, from: string, dependent: string): string {
  const folder = resolve(name, from);
  if (folder !== undefined) return folder;
  throw new Error(`${name}, which ${dependent} needs, is not installed: npm ci`);
}

/** The folder of a package as Node.js finds it, its links followed. */
function resolve(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (folder === dirname(folder)) return undefined;
  }
}
