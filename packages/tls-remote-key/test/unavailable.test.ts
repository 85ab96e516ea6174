import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { describeWithAddon } from './support/addon.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const here = join('prebuilds', `${process.platform}-${process.arch}`, 'tls-remote-key.node');

/** A copy of this package, as npm would install it. */
function copyPackage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-tls-remote-key-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const part of ['dist', 'prebuilds', 'package.json']) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  mkdirSync(join(folder, 'node_modules', '@cmc'), { recursive: true });
  symlinkSync(join(root, '..', 'bytes'), join(folder, 'node_modules', '@cmc', 'bytes'));
  return folder;
}

/** What `openRemoteKeys` of a package folder comes to, in a process of its own. */
function openIn(folder: string, args: readonly string[] = []): string {
  const program = `
    const { openRemoteKeys } = await import('${pathToFileURL(join(folder, 'dist', 'index.js'))}');
    try {
      openRemoteKeys();
      console.log('opened');
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  const command = [...args, '--input-type=module', '--eval', program];
  return execFileSync(process.execPath, command, { encoding: 'utf8', env: { PATH: '' } });
}

describeWithAddon('opening the addon', () => {
  it('works in a copy of the package', () => {
    expect(openIn(copyPackage())).toBe('opened\n');
  });

  it('fails with ERR_REMOTE_KEY_UNAVAILABLE where the file is missing', () => {
    const folder = copyPackage();
    rmSync(join(folder, here));
    expect(openIn(folder)).toMatch(/^ERR_REMOTE_KEY_UNAVAILABLE .*does not load/);
  });

  it('fails so where the file is of another processor', () => {
    const folder = copyPackage();
    const [mine, other] = process.arch === 'arm64' ? ['arm64', 'x64'] : ['x64', 'arm64'];
    rmSync(join(folder, here));
    cpSync(join(root, here.replace(mine, other)), join(folder, here));
    expect(openIn(folder)).toMatch(/^ERR_REMOTE_KEY_UNAVAILABLE .*does not load/);
  });

  it('fails so where the file is no library', () => {
    const folder = copyPackage();
    writeFileSync(join(folder, here), 'not a library');
    expect(openIn(folder)).toMatch(/^ERR_REMOTE_KEY_UNAVAILABLE .*does not load/);
  });

  it('fails so where Node must not load addons', () => {
    expect(openIn(root, ['--no-addons'])).toMatch(/^ERR_REMOTE_KEY_UNAVAILABLE .*does not load/);
  });

  it('fails so where the configuration of OpenSSL excludes other providers', () => {
    const config = join(copyPackage(), 'openssl.cnf');
    writeFileSync(
      config,
      'nodejs_conf = main\n[main]\nalg_section = evp\n[evp]\ndefault_properties = provider=default\n',
    );
    const outcome = openIn(root, [`--openssl-config=${config}`]);
    expect(outcome).toMatch(/^ERR_REMOTE_KEY_UNAVAILABLE the self-test of the addon failed/);
  });
});
