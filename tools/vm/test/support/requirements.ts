import { existsSync } from 'node:fs';
import { missingPrograms } from '../../src/index.ts';

const PROGRAMS: readonly string[] = [
  ...['apt-get', 'busybox', 'cpio', 'depmod', 'dpkg-deb', 'make', 'mksquashfs', 'modprobe'],
  ...[
    'qemu-system-x86_64',
    'setpriv',
    'swtpm',
    'swtpm_setup',
    'tpm2',
    'x86_64-linux-gnu-gcc-12',
    'xz',
  ],
];

/** Firmware, of the package ovmf. */
const FIRMWARE = '/usr/share/OVMF/OVMF_CODE_4M.fd';

/** Whether this machine cannot run virtual machines; in CI that is a failure. */
export async function isMissing(): Promise<boolean> {
  const missing = [...(await missingPrograms(PROGRAMS))];
  if (!existsSync(FIRMWARE)) missing.push(FIRMWARE);
  const isLinux = process.platform === 'linux' && process.arch === 'x64';
  if (isLinux && missing.length === 0) return false;
  const problem = isLinux ? `missing: ${missing.join(', ')}` : 'this is no Linux on x64';
  if (process.env['CI'] !== undefined) throw new Error(problem);
  console.warn(`skipped, ${problem}`);
  return true;
}
