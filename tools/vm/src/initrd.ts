import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Kernel } from './kernel.ts';
import { run } from './programs.ts';

const BUSYBOX = '/bin/busybox';
/** What the guest needs to find its root, its network, and the file systems of the tests. */
const MODULES: readonly string[] = [
  'virtio_blk',
  'virtio_net',
  'virtio_rng',
  'squashfs',
  'overlay',
  'configfs',
  'efivarfs',
  'tsm',
];

/** Writes the initial ram disk of the guests; the same inputs give the same bytes. */
export async function buildInitrd(kernel: Kernel, target: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cmc-vm-initrd-'));
  try {
    for (const name of ['bin', 'dev', 'proc', 'sys', 'modules', 'newroot']) {
      await mkdir(join(folder, name));
    }
    await copyFile(BUSYBOX, join(folder, 'bin', 'busybox'));
    await copyFile(fileURLToPath(new URL('../guest/init', import.meta.url)), join(folder, 'init'));
    await chmod(join(folder, 'init'), 0o755);
    const files = await moduleFiles(kernel);
    for (const file of files) await unpack(file, join(folder, 'modules', moduleName(file)));
    await writeFile(
      join(folder, 'modules', 'order'),
      files.map((file) => `${moduleName(file)}\n`).join(''),
    );
    await archive(folder, target);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Modules with those they need, in the order in which they are loaded. */
async function moduleFiles(kernel: Kernel): Promise<readonly string[]> {
  const files = new Set<string>();
  for (const name of MODULES) {
    const args = ['-d', kernel.root, '-S', kernel.release, '--show-depends', name];
    const text = await run('modprobe', args);
    for (const match of text.matchAll(/^insmod (\S+)/gm)) files.add(match[1] ?? '');
  }
  return [...files];
}

function moduleName(file: string): string {
  return basename(file).replace(/\.xz$/, '');
}

async function unpack(file: string, target: string): Promise<void> {
  await copyFile(file, `${target}.xz`);
  await run('xz', ['-d', `${target}.xz`]);
}

async function archive(folder: string, target: string): Promise<void> {
  // Times of files are in the archive.
  await run('sh', ['-ec', "find . -exec touch -h -d '@0' {} +"], { cwd: folder });
  const list = await run('find', ['.', '-mindepth', '1'], { cwd: folder });
  const input = list.split('\n').filter(Boolean).sort().join('\n');
  const args = ['-o', '-H', 'newc', '--quiet', '--reproducible', '-R', '0:0', '-F', target];
  await run('cpio', args, { cwd: folder, input: `${input}\n` });
}
