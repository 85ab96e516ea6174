import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { toHex } from '@cmc/bytes';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { hashRootfs } from '../../src/index.ts';
import { readContent } from '../../src/rootfs/content.ts';
import { walk } from '../../src/rootfs/walk.ts';
import { makeTree } from '../support/rootfs-tree.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const isRoot = process.getuid?.() === 0;
const IGNORE = { insecureIgnoreCapabilities: true } as const;
const hexOf = async (folder: string): Promise<string> => toHex(await hashRootfs(folder, IGNORE));
const coded = (code: string): unknown => expect.objectContaining({ code });

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of chunks);
}

afterEach(() => vi.unstubAllEnvs());

/** Puts a program of this name and shell text before all others. */
async function fakeProgram(name: string, text: string): Promise<void> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), `#!/bin/sh\n${text}`);
  await chmod(join(folder, name), 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`);
}

describe('known answers', () => {
  // Owners are part of the hash: the reference hashed trees of root. See test/vectors/README.md.
  test.runIf(isRoot)('trees have the hashes that the reference gives them', async () => {
    for (const [pax, expected] of [
      [false, '994ce10ba0c7fe49f9330f4fb52e98faa111b608401a7888b49b5c3c0f7b328d'],
      [true, '1fe5e006767319447c5b255c455a3ff7c13e25f9f49e39b2f53110eb86c1bc7b'],
    ] as const) {
      const root = await temporaryFolder();
      await makeTree(root, { pax });
      expect(await hexOf(root)).toBe(expected);
      expect(await hexOf(`${root}/`)).toBe(expected);
    }
  });

  test.runIf(isRoot)('capabilities are hashed as the reference hashes them', async () => {
    const root = await temporaryFolder();
    for (const name of ['ping', 'püng', 'plain']) {
      await writeFile(join(root, name), '#!\n');
      await chmod(join(root, name), 0o755);
    }
    await fakeProgram(
      'getfattr',
      `for last; do :; done
      printf '# file: %s/ping\\nsecurity.capability=0x0100000200200000000000000000000000000000\\n\\n' "$last"
      printf '# file: %s/p\\\\303\\\\274ng\\nsecurity.capability=0x0100000200000000001000000000000000000000\\n\\n' "$last"`,
    );
    expect(toHex(await hashRootfs(root))).toBe(
      'abfc8ae1aeb7c148b5df62586750bdc32b3cda03a7c11357f8ff500a5f695b4b',
    );
    expect(await hexOf(root)).not.toBe(
      'abfc8ae1aeb7c148b5df62586750bdc32b3cda03a7c11357f8ff500a5f695b4b',
    );
  });

  test('a tree that ustar can hold has the hash of an archive by GNU tar', async () => {
    const root = await temporaryFolder();
    await makeTree(root, { pax: false });
    // The walk has folders before what is in them, whatever their names are: slashes sort first.
    const archive = execFileSync(
      'sh',
      [
        '-c',
        `find . -mindepth 1 -printf '%P\\n' | tr / '\\001' | sort | tr '\\001' / |
        tar --create --blocking-factor=1 --no-recursion --numeric-owner --mtime=@0 \
          --format=ustar --files-from=- | sha256sum`,
      ],
      { cwd: root, env: { ...process.env, LC_ALL: 'C' }, encoding: 'utf8' },
    );
    expect(await hexOf(root)).toBe(archive.slice(0, 64));
  });

  test('an empty folder is two empty blocks', async () => {
    expect(await hexOf(await temporaryFolder())).toBe(
      // sha256sum of 1024 zero bytes
      '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
    );
  });
});

describe('what counts', () => {
  test('times do not, everything else does', async () => {
    const root = await temporaryFolder();
    await makeTree(root, { pax: true });
    let last = await hexOf(root);
    await utimes(join(root, 'bin0'), 5, 5);
    expect(await hexOf(root)).toBe(last);
    for (const change of [
      () => writeFile(join(root, 'bin.conf'), 'other text'),
      () => truncate(join(root, 'large'), 299_999),
      () => chmod(join(root, 'secret/key'), 0o640),
      () => chmod(join(root, 'empty'), 0o755),
      () => rename(join(root, 'bin0'), join(root, 'bin1')),
      () => mkdir(join(root, 'new')),
      () => rm(join(root, 'bin/tool2')),
      () => rm(join(root, 'dangling')).then(() => symlink('/elsewhere', join(root, 'dangling'))),
    ]) {
      await change();
      const now = await hexOf(root);
      expect(now, String(change)).not.toBe(last);
      last = now;
    }
  });

  test('two names of one file are not two files', async () => {
    const linked = await temporaryFolder();
    await writeFile(join(linked, 'a'), 'x');
    execFileSync('ln', [join(linked, 'a'), join(linked, 'b')]);
    const copied = await temporaryFolder();
    for (const name of ['a', 'b']) await writeFile(join(copied, name), 'x');
    expect(await hexOf(linked)).not.toBe(await hexOf(copied));
  });

  test('sockets do not count', async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, 'a'), 'x');
    const before = await hexOf(root);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 'socket'), resolve));
    expect(await hexOf(root)).toBe(before);
    await new Promise((resolve) => server.close(resolve));
  });

  test('names that are no UTF-8 and FIFOs are hashed', { timeout: 10_000 }, async () => {
    const root = await temporaryFolder();
    const hashes = new Set([await hexOf(root)]);
    for (const byte of [0xfe, 0xff]) {
      await writeFile(Buffer.concat([Buffer.from(`${root}/bad`), Uint8Array.of(byte)]), 'x');
      hashes.add(await hexOf(root));
    }
    execFileSync('mkfifo', [join(root, 'fifo')]);
    hashes.add(await hexOf(root));
    expect(hashes.size).toBe(4);
  });
});

describe('refusals', () => {
  test('what is no folder', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), 'x');
    await symlink(folder, join(folder, 'link'));
    for (const name of ['file', 'link']) {
      await expect(hashRootfs(join(folder, name), IGNORE)).rejects.toEqual(
        coded('ERR_ROOTFS_ENTRY'),
      );
    }
    await expect(hashRootfs(join(folder, 'missing'), IGNORE)).rejects.toEqual(coded('ENOENT'));
  });

  test('capabilities that cannot be read, unless told to ignore them', async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, 'a'), 'x');
    const refused = coded('ERR_ROOTFS_CAPABILITIES');
    vi.stubEnv('PATH', root);
    await expect(hashRootfs(root)).rejects.toEqual(refused);
    vi.unstubAllEnvs();
    for (const text of [
      'exit 1',
      'echo "# file: x"; echo security.capability=0x01; exit 1',
      'echo garbage',
      'echo "# file: x"; echo security.capability=01',
      'echo "# file: x"; echo security.capability',
      'echo "# file: x"; echo user.other=0x01',
    ]) {
      await fakeProgram('getfattr', text);
      await expect(hashRootfs(root), text).rejects.toEqual(refused);
    }
    expect(await hexOf(root)).toMatch(/^[0-9a-f]{64}$/);
  });

  test('files that change between the look at them and the reading', {
    timeout: 10_000,
  }, async () => {
    for (const change of [
      (path: string) => writeFile(path, 'longer than before'),
      (path: string) => truncate(path, 1),
      (path: string) => rm(path),
      (path: string) => writeFile(`${path}2`, 'abc').then(() => rename(`${path}2`, path)),
      (path: string) => rm(path).then(() => symlink('/etc/passwd', path)),
      (path: string) => rename(path, `${path}2`).then(() => symlink(`${path}2`, path)),
      (path: string) =>
        rm(path).then(() => {
          execFileSync('mkfifo', [path]);
        }),
    ]) {
      const root = await temporaryFolder();
      const path = join(root, 'file');
      await writeFile(path, 'abc');
      for await (const entry of walk(Buffer.from(root))) {
        await change(path);
        await expect(drain(readContent(entry)), String(change)).rejects.toEqual(
          coded('ERR_ROOTFS_CHANGED'),
        );
        break;
      }
    }
  });

  test('an aborted signal stops it', async () => {
    const root = await temporaryFolder();
    await makeTree(root, { pax: false });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(hashRootfs(root, { ...IGNORE, signal })).rejects.toThrow('enough');
    await expect(hashRootfs(root, { signal })).rejects.toThrow('enough');
  });
});
