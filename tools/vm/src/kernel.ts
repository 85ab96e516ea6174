import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached } from './cache.ts';
import { run } from './programs.ts';

/** The newest kernel of Debian 12 with configfs-tsm; IMA, TPM and the EFI stub are built in. */
const IMAGE_PACKAGE = 'linux-image-6.12-cloud-amd64';
/** Where packages of headers are installed, as their makefiles name it. */
const SOURCES = '/usr/src/';

export interface Kernel {
  /** As modules are for: `6.12.117+deb12-cloud-amd64`. */
  readonly release: string;
  /** Version of its package. */
  readonly version: string;
  readonly image: string;
  /** What the packages contain; nothing is installed. */
  readonly root: string;
}

/** The kernel of virtual machines, with what compiles modules for it; downloaded once. */
export async function prepareKernel(): Promise<Kernel> {
  const release = (await dependency(IMAGE_PACKAGE, /^linux-image-/)).slice('linux-image-'.length);
  const version = await candidate(`linux-image-${release}`);
  const root = await cached(`kernel-${release}-${version}`, (folder) => download(folder, release));
  return { release, version, image: join(root, 'boot', `vmlinuz-${release}`), root };
}

async function download(folder: string, release: string): Promise<void> {
  const headers = `linux-headers-${release}`;
  const packages = [
    `linux-image-${release}`,
    headers,
    await dependency(headers, /^linux-headers-.*-common$/),
    await dependency(headers, /^linux-kbuild-/),
  ];
  await run('apt-get', ['download', '-qq', ...packages], { cwd: folder });
  for (const file of await readdir(folder)) {
    await run('dpkg-deb', ['-x', file, '.'], { cwd: folder });
    await run('rm', [file], { cwd: folder });
  }
  await run('depmod', ['-b', folder, release]);
}

/** Compiles a kernel module of one file, and gives the bytes of the module. */
export async function compileModule(
  kernel: Kernel,
  source: string,
  folder: string,
): Promise<Uint8Array> {
  const name = basename(source, '.c');
  const headers = join(kernel.root, 'usr/src', `linux-headers-${kernel.release}`);
  await copyFile(source, join(folder, basename(source)));
  await writeFile(join(folder, 'Makefile'), `obj-m := ${name}.o\n`);
  // The makefile of the headers only includes the common one by its absolute path.
  const makefile = join(folder, 'headers.mk');
  const common = await readFile(join(headers, 'Makefile'), 'utf8');
  await writeFile(makefile, common.replace(SOURCES, `${kernel.root}${SOURCES}`));
  await run('make', [
    '-s',
    '-C',
    headers,
    '-f',
    makefile,
    `M=${folder}`,
    // Type information of the kernel would be needed for that.
    'CONFIG_DEBUG_INFO_BTF_MODULES=',
    'modules',
  ]);
  return new Uint8Array(await readFile(join(folder, `${name}.ko`)));
}

async function dependency(name: string, pattern: RegExp): Promise<string> {
  const text = await run('apt-cache', ['depends', name]);
  const names = [...text.matchAll(/Depends: (\S+)/g)].map((match) => match[1] ?? '');
  const found = names.find((each) => pattern.test(each));
  if (found === undefined) throw new Error(`${name} depends on nothing like ${pattern}`);
  return found;
}

async function candidate(name: string): Promise<string> {
  const version = /Candidate: (\S+)/.exec(await run('apt-cache', ['policy', name]))?.[1];
  if (version === undefined || version === '(none)') throw new Error(`there is no package ${name}`);
  return version;
}
