import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { librariesOf, link, place, squash, withFolder } from './images.ts';
import { run } from './programs.ts';

/** What systemd, users and devices need, as this machine has it. */
const PACKAGES: readonly string[] = [
  ...['base-files', 'base-passwd', 'bash', 'coreutils', 'dash', 'findutils', 'grep', 'kmod'],
  ...['login', 'mount', 'passwd', 'procps', 'sed', 'systemd', 'tpm-udev', 'udev', 'util-linux'],
];
const IS_UNWANTED = /^\/usr\/share\/(?:bash-completion|doc|locale|man|zsh)\//;
const IS_PROGRAM = /^\/usr\/(?:s?bin|lib\/(?:systemd|udev))\/[^.]+$/;
const IS_MERGED = /^\/(?=(?:bin|lib|lib64|sbin)(?:\/|$))/;
const MERGED: readonly string[] = ['bin', 'lib', 'lib64', 'sbin'];
/** What starts with the guest, besides the sockets of these: less is faster. */
const UNITS: readonly string[] = [
  'systemd-journald.service',
  'systemd-tmpfiles-setup.service',
  'systemd-udev-trigger.service',
  'systemd-udevd.service',
];
const UNIT_FOLDER = 'usr/lib/systemd/system';
/** Where npm installs for the whole system. */
const GLOBAL = '/usr/local/lib/node_modules';

/** Files that scripts of packages, or the installation, would have made. */
const FILES: readonly (readonly [path: string, text: string, mode?: number])[] = [
  ['etc/passwd', 'root:x:0:0:root:/root:/bin/bash\ntss:x:101:101::/var/lib/tpm:/bin/false\n'],
  [
    'etc/group',
    groups(['root:0', 'tty:5', 'disk:6', 'kmem:15', 'utmp:43', 'users:100', 'tss:101']),
  ],
  ['etc/shadow', '', 0o640],
  ['etc/gshadow', '', 0o640],
  ['etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\n'],
  ['etc/hostname', 'guest.test\n'],
  // Without one systemd would take this for its first boot, and enable all it has.
  ['etc/machine-id', `${'c'.repeat(32)}\n`],
  ['usr/bin/npm', `#!/bin/sh\n[ "$*" = 'root --global' ] && echo ${GLOBAL}\n`, 0o755],
  [
    'etc/systemd/system/agent.service',
    [
      '[Service]',
      'ExecStart=/usr/bin/node /app/guest/agent.mjs',
      'StandardOutput=journal+console',
      '[Install]',
      'WantedBy=multi-user.target',
      '',
    ].join('\n'),
  ],
];

/**
 * A root image in which systemd is the first process: packages of Debian as this machine has them,
 * with Node.js, and programs of the workspace where npm would have them. Made once.
 * @param programs - of the application, in `/usr/local/bin`: name, and file below `node_modules`
 */
export async function systemdImage(programs: Readonly<Record<string, string>>): Promise<string> {
  const versions = await run('dpkg-query', ['-W', ...PACKAGES]);
  const node = process.execPath;
  // Another image when it is made in another way.
  const made = await readFile(new URL(import.meta.url), 'utf8');
  const key = createHash('sha256')
    .update(JSON.stringify([versions, node, process.version, programs, made]))
    .digest('hex')
    .slice(0, 16);
  const folder = await cached(`systemd-${key}`, async (target) => {
    await withFolder(async (root) => {
      await installPackages(root);
      for (const file of [node, ...(await librariesOf(node))]) await place(file, join(root, file));
      await link(root, node, '/usr/bin/node');
      for (const [path, text, mode = 0o644] of FILES) {
        await writeFile(join(root, path), text, { mode });
      }
      await link(root, '/app/node_modules', GLOBAL);
      for (const [name, file] of Object.entries(programs)) {
        await link(root, `${GLOBAL}/${file}`, `/usr/local/bin/${name}`);
      }
      await chooseUnits(root);
      await squash(root, join(target, 'root.squashfs'));
    });
  });
  return join(folder, 'root.squashfs');
}

/** The files of the packages, and the libraries of their programs. */
async function installPackages(root: string): Promise<void> {
  for (const name of MERGED) {
    await mkdir(join(root, 'usr', name), { recursive: true });
    await symlink(`usr/${name}`, join(root, name));
  }
  await mkdir(join(root, 'app'));
  await mkdir(join(root, 'data'));
  const listed = (await run('dpkg-query', ['-L', ...PACKAGES])).split('\n');
  const merged = listed.map((file) => file.replace(IS_MERGED, '/usr/'));
  const files = [];
  for (const file of new Set(merged)) {
    if (file.startsWith('/') && !IS_UNWANTED.test(file) && (await isThere(file))) files.push(file);
  }
  const input = files.map((file) => `.${file}\n`).join('');
  await run('sh', ['-ec', 'tar -C / --no-recursion -T - -cf - | tar -xf - -C "$0"', root], {
    input,
  });
  const libraries = new Set<string>();
  for (const file of files.filter((each) => IS_PROGRAM.test(each))) {
    for (const library of await librariesOf(file)) libraries.add(library);
  }
  for (const library of libraries) await place(library, join(root, library));
}

async function chooseUnits(root: string): Promise<void> {
  const units = join(root, UNIT_FOLDER);
  for (const name of await readdir(units)) {
    const isChosen = !name.endsWith('.wants') || name === 'sockets.target.wants';
    if (!isChosen) await rm(join(units, name), { recursive: true });
  }
  for (const name of UNITS)
    await link(root, `../${name}`, `/${UNIT_FOLDER}/sysinit.target.wants/${name}`);
  await rm(join(units, 'default.target'));
  await link(root, 'multi-user.target', `/${UNIT_FOLDER}/default.target`);
  await run('systemctl', ['--root', root, 'enable', 'agent.service']);
}

async function isThere(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    () => false,
  );
}

function groups(names: readonly string[]): string {
  return names.map((each) => `${each.replace(':', ':x:')}:\n`).join('');
}
