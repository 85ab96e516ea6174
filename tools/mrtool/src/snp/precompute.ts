import { MrError } from '../errors.ts';
import { type Firmware, readFirmware } from './firmware.ts';
import { type DirectBoot, kernelHashesPage } from './kernel-hashes.ts';
import { LaunchDigest, PAGE_BYTES } from './launch-digest.ts';
import { BOOT_ADDRESS, type Monitor, vmsaPage } from './vmsa.ts';

export interface SnpGuest {
  /** The OVMF code image, as the monitor loads it. */
  readonly firmware: Uint8Array;
  /** Number of virtual processors. */
  readonly processors: number;
  /** CPUID signature of each. */
  readonly signature: number;
  readonly boot?: DirectBoot;
  /** SEV_FEATURES. Default: SEV-SNP only. */
  readonly features?: bigint;
  /** Default `qemu`. */
  readonly monitor?: Monitor;
}

const MAX_PROCESSORS = 4096;

/**
 * The launch measurement that an SEV-SNP guest will report, 48 bytes.
 * @throws {MrError} ERR_MR_FIRMWARE, ERR_MR_INPUT
 */
export function precomputeSnp(guest: SnpGuest): Uint8Array {
  const { processors, features = 1n, monitor = 'qemu', signature } = guest;
  if (!Number.isInteger(processors) || processors < 1 || processors > MAX_PROCESSORS) {
    throw new MrError(
      'ERR_MR_INPUT',
      `processors: expected 1 to ${MAX_PROCESSORS}, got ${processors}`,
    );
  }
  const firmware = readFirmware(guest.firmware);
  const digest = new LaunchDigest();
  digest.normal(firmware.address, firmware.image);
  addSections(digest, firmware, monitor, guest.boot);
  for (let index = 0; index < processors; index++) {
    const address = index === 0 ? BOOT_ADDRESS : firmware.resetAddress;
    digest.vmsa(vmsaPage({ address, features, signature, monitor }));
  }
  return digest.value;
}

function addSections(
  digest: LaunchDigest,
  firmware: Firmware,
  monitor: Monitor,
  boot: DirectBoot | undefined,
): void {
  const { sections } = firmware;
  if (boot !== undefined && !sections.some(({ type }) => type === 'kernel-hashes')) {
    throw new MrError(
      'ERR_MR_FIRMWARE',
      'the firmware does not check kernels: it has no place for their hashes (AmdSev build needed)',
    );
  }
  for (const { type, address, bytes } of sections) {
    switch (type) {
      case 'sec-mem':
        if (monitor === 'gce') digest.unmeasured(address, bytes);
        else digest.zero(address, bytes);
        break;
      case 'svsm-caa':
        digest.zero(address, bytes);
        break;
      case 'secrets':
        digest.secrets(address);
        break;
      case 'cpuid':
        if (monitor !== 'ec2') digest.cpuid(address);
        break;
      case 'kernel-hashes':
        if (boot === undefined) digest.zero(address, bytes);
        else digest.normal(address, hashesPage(firmware, boot, bytes));
        break;
    }
  }
  // EC2 adds these pages last.
  if (monitor !== 'ec2') return;
  for (const { type, address } of sections) if (type === 'cpuid') digest.cpuid(address);
}

function hashesPage(firmware: Firmware, boot: DirectBoot, bytes: number): Uint8Array {
  const { hashesTableAddress } = firmware;
  if (hashesTableAddress === undefined || bytes !== PAGE_BYTES) {
    const problem = 'the firmware does not say where the hashes of the kernel go';
    throw new MrError('ERR_MR_FIRMWARE', problem);
  }
  return kernelHashesPage(boot, hashesTableAddress % PAGE_BYTES);
}
