import { constants } from 'node:fs';
import { access, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Check, reasonOf } from './check.ts';

const MINIMUM_NODE = [20, 19] as const;
/** The first with /dev/tpmrm0. */
const MINIMUM_KERNEL = [4, 12] as const;
const MINIMUM_CONFIGFS_KERNEL = [6, 7] as const;
const READ_WRITE = constants.R_OK | constants.W_OK;

/** Checks of Node.js, kernel, devices and logs; `root` is where `/dev`, `/proc` and `/sys` are. */
export async function machineChecks(root = '/'): Promise<readonly Check[]> {
  const release = await readText(join(root, 'proc/sys/kernel/osrelease'));
  const tpm = await checkTpm(root);
  return [
    checkNode(process.versions.node),
    checkKernel(release),
    ...tpm,
    ...(tpm.some(({ id, state }) => id === 'tpm' && state === 'ok')
      ? await checkBootLog(root)
      : []),
    await checkIma(root),
    await checkSnp(root, release),
  ];
}

function checkNode(version: string): Check {
  const id = 'node';
  if (isAtLeast(version, MINIMUM_NODE)) return { id, state: 'ok', text: `Node.js ${version}` };
  const wanted = MINIMUM_NODE.join('.');
  const text = `Node.js ${version} is too old`;
  return { id, state: 'problem', text, remedy: `install Node.js ${wanted} or later` };
}

function checkKernel(release: string | undefined): Check {
  const id = 'kernel';
  if (release === undefined) {
    const remedy = 'measure on Linux; verifying works everywhere';
    return { id, state: 'absent', text: 'this is not Linux', remedy };
  }
  if (isAtLeast(release, MINIMUM_KERNEL)) return { id, state: 'ok', text: `kernel ${release}` };
  const remedy = `use Linux ${MINIMUM_KERNEL.join('.')} or later`;
  return { id, state: 'warning', text: `kernel ${release} has no /dev/tpmrm0`, remedy };
}

async function checkTpm(root: string): Promise<readonly Check[]> {
  const id = 'tpm';
  const device = '/dev/tpmrm0';
  const problem = await accessProblem(join(root, device), READ_WRITE);
  const version = await readText(join(root, 'sys/class/tpm/tpm0/tpm_version_major'));
  if (version === '1') {
    const remedy = 'enable TPM 2.0 in the firmware setup, if the machine has one';
    return [{ id, state: 'problem', text: 'the TPM is a TPM 1.2', remedy }];
  }
  if (problem === undefined) return [{ id, state: 'ok', text: `${device} can be used` }];
  if (problem !== 'ENOENT') {
    const remedy = 'run as a member of the group of the device (usually tss), or as root';
    return [{ id, state: 'problem', text: `${device} cannot be used: ${problem}`, remedy }];
  }
  if (version === undefined) {
    const remedy =
      'enable the TPM in the firmware setup or of the virtual machine, if it is needed';
    return [{ id, state: 'absent', text: 'there is no TPM', remedy }];
  }
  const remedy = 'use a kernel with the resource manager (tpm_tis or tpm_crb, 4.12 or later)';
  return [{ id, state: 'problem', text: `there is a TPM, but not ${device}`, remedy }];
}

async function checkBootLog(root: string): Promise<readonly Check[]> {
  const path = '/sys/kernel/security/tpm0/binary_bios_measurements';
  return [
    await checkLog(root, path, {
      id: 'boot-log',
      what: 'the boot log',
      missing: 'boot with firmware that logs (UEFI), and mount securityfs at /sys/kernel/security',
      missingState: 'problem',
    }),
  ];
}

async function checkIma(root: string): Promise<Check> {
  return await checkLog(root, '/sys/kernel/security/ima/binary_runtime_measurements', {
    id: 'ima-log',
    what: 'the log of files (IMA)',
    missing: 'boot with an IMA policy (ima_policy=tcb) when files are to be measured',
    missingState: 'absent',
  });
}

interface LogCheck {
  readonly id: string;
  readonly what: string;
  readonly missing: string;
  readonly missingState: 'absent' | 'problem';
}

async function checkLog(root: string, path: string, log: LogCheck): Promise<Check> {
  const { id, what, missing, missingState } = log;
  const problem = await readProblem(join(root, path));
  if (problem === undefined) return { id, state: 'ok', text: `${what} can be read` };
  if (problem === 'ENOENT') {
    return { id, state: missingState, text: `${what} is not there: ${path}`, remedy: missing };
  }
  const text = `${what} cannot be read: ${problem} at ${path}`;
  const remedy = 'run as root, or let the daemon read it, as systemd/tpm.conf of @cmc/cmcd does';
  return { id, state: 'problem', text, remedy };
}

async function checkSnp(root: string, release = '0'): Promise<Check> {
  const id = 'snp';
  const configfs = await accessProblem(join(root, 'sys/kernel/config/tsm/report'), READ_WRITE);
  const device = await accessProblem(join(root, 'dev/sev-guest'), READ_WRITE);
  // The folder is there without any such hardware; what gives reports in it brings the device, too.
  if (configfs === undefined && device !== 'ENOENT') {
    return { id, state: 'ok', text: 'SEV-SNP reports come from configfs' };
  }
  if (configfs === undefined) {
    const remedy =
      'in an SEV-SNP guest: modprobe sev-guest; in a container: give it /dev/sev-guest';
    return { id, state: 'absent', text: 'nothing gives SEV-SNP reports to configfs', remedy };
  }
  if (device === undefined) {
    const isOld = !isAtLeast(release, MINIMUM_CONFIGFS_KERNEL);
    const text = `SEV-SNP reports come from /dev/sev-guest; configfs: ${configfs}`;
    const remedy = isOld
      ? 'none is needed; kernels from 6.7 on offer configfs, which needs no native code'
      : 'mount -t configfs none /sys/kernel/config, so that no native code is needed';
    return { id, state: 'ok', text, remedy };
  }
  if (configfs === 'ENOENT' && device === 'ENOENT') {
    const remedy = 'in an SEV-SNP guest: modprobe sev-guest';
    return { id, state: 'absent', text: 'this is no SEV-SNP guest', remedy };
  }
  const text = `SEV-SNP reports cannot be asked for: configfs ${configfs}, /dev/sev-guest ${device}`;
  const remedy = 'run as root, or give the user of the daemon the right to open them';
  return { id, state: 'problem', text, remedy };
}

async function accessProblem(path: string, mode: number): Promise<string | undefined> {
  try {
    await access(path, mode);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

// Files of the kernel may be opened and yet not be readable.
async function readProblem(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    await file.read(Buffer.alloc(1), 0, 1);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
