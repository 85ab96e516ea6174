import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, realpath, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.ts';
import { installPackages } from './closure.ts';
import { run } from './programs.ts';

const BUSYBOX = '/bin/busybox';
const TPM2_TOOLS = '/usr/bin/tpm2';
const LIBRARIES = '/usr/lib/x86_64-linux-gnu';
/** tpm2-tools loads it by its name. */
const TPM2_DEVICE_LIBRARY = `${LIBRARIES}/libtss2-tcti-device.so.0`;
const FOLDERS: readonly string[] = ['app', 'data', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp'];

/** The root image of the guests: Node.js, busybox and tpm2-tools of this machine. Made once. */
export async function rootImage(): Promise<string> {
  const programs = [await realpath(process.execPath), BUSYBOX, TPM2_TOOLS];
  const files = [...programs, TPM2_DEVICE_LIBRARY];
  for (const file of files.slice()) files.push(...(await librariesOf(file)));
  const unique = [...new Set(files)].sort();
  const states = await Promise.all(unique.map((file) => stat(file)));
  const key = createHash('sha256')
    .update(JSON.stringify(unique.map((file, i) => [file, states[i]?.size, states[i]?.mtimeMs])))
    .digest('hex')
    .slice(0, 16);
  const folder = await cached(`root-${key}`, async (target) => {
    await withFolder(async (root) => {
      for (const name of FOLDERS) await mkdir(join(root, name));
      for (const file of unique) await place(file, join(root, file));
      await link(root, programs[0] ?? '', '/usr/bin/node');
      await link(root, BUSYBOX, '/bin/sh');
      await squash(root, join(target, 'root.squashfs'));
    });
  });
  return join(folder, 'root.squashfs');
}

/** Writes the image of `/app`: the agent, and packages of the workspace, as npm would install them. */
export async function buildApplication(packages: readonly string[], target: string): Promise<void> {
  await withFolder(async (root) => {
    const guest = fileURLToPath(new URL('../guest', import.meta.url));
    await cp(guest, join(root, 'guest'), { recursive: true });
    await installPackages(packages, root);
    await squash(root, target);
  });
}

/** Those that the program is linked to. */
export async function librariesOf(file: string): Promise<readonly string[]> {
  // Static programs have none, and ldd fails for them.
  const text = await run('ldd', [file]).catch(() => '');
  return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}

/** Copies a file into a root, with the folders above it. */
export async function place(file: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await cp(file, target, { dereference: true });
}

/** A link in a root; `file` is a path in it, too. */
export async function link(root: string, file: string, name: string): Promise<void> {
  if (file === name) return;
  await mkdir(dirname(join(root, name)), { recursive: true });
  await symlink(file, join(root, name));
}

/** Writes a folder as an image; all in it is of root. */
export async function squash(root: string, target: string): Promise<void> {
  await run('mksquashfs', [root, target, '-comp', 'lz4', '-noappend', '-quiet', '-all-root']);
}

/** Gives `work` a folder that is there until it ends. */
export async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cmc-vm-image-'));
  // It becomes the root of an image, for all users there.
  await chmod(folder, 0o755);
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
