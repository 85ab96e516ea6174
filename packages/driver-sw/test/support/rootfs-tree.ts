import { chmod, link, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What only root can make is left out. */
export interface TreeOptions {
  /** Also names and paths that a ustar header cannot hold. */
  readonly pax: boolean;
}

/** Fills a folder with a tree that has every kind of entry an ordinary user can make. */
export async function makeTree(root: string, { pax }: TreeOptions): Promise<void> {
  const folder = async (name: string, mode = 0o755): Promise<void> => {
    await mkdir(join(root, name));
    await chmod(join(root, name), mode);
  };
  const file = async (name: string, content: string | Uint8Array, mode = 0o644): Promise<void> => {
    await writeFile(join(root, name), content);
    await chmod(join(root, name), mode);
    await utimes(join(root, name), 1, 1_700_000_000.5);
  };
  await folder('bin');
  await file('bin/tool', '#!/bin/sh\n', 0o4755);
  await link(join(root, 'bin/tool'), join(root, 'bin/tool2'));
  await symlink('tool', join(root, 'bin/link'));
  await symlink('/nowhere/at/all', join(root, 'dangling'));
  await link(join(root, 'dangling'), join(root, 'dangling2'));
  await file('bin.conf', 'sorts after the content of bin, before bin0');
  await file('bin0', '');
  await file('block', new Uint8Array(512).fill(7));
  await file('block and one', new Uint8Array(513).fill(7));
  await file(
    'large',
    new Uint8Array(300_000).map((_, i) => i % 251),
  );
  await folder('empty', 0o1777);
  await folder('secret', 0o700);
  await file('secret/key', 'k', 0o600);
  const long = `${'d'.repeat(60)}/${'e'.repeat(60)}`;
  await folder('d'.repeat(60));
  await folder(long);
  await file(`${long}/${'f'.repeat(30)}`, 'fits with a prefix');
  if (!pax) return;
  await file('ümläut', 'not ASCII');
  await folder('größe');
  await file('größe/inner', 'x');
  await symlink('ümläut', join(root, 'to-ümläut'));
  await link(join(root, 'ümläut'), join(root, 'hard-to-ümläut'));
  await file('n'.repeat(150), 'no place to split');
  await symlink('t'.repeat(180), join(root, 'long-target'));
  const deep = `${long}/${'g'.repeat(90)}`;
  await folder(deep);
  await file(`${deep}/${'h'.repeat(20)}`, 'prefix of more than 155 bytes');
  const slash = 's'.repeat(99);
  await folder(slash);
  await file(`${slash}/${'ü'.repeat(10)}`, 'cut off at the slash');
}
