import { access, constants } from 'node:fs/promises';
import { createConfigfsSource, DEFAULT_CONFIGFS_PATH } from './configfs-tsm.ts';
import { SnpDriverError } from './errors.ts';
import type { ReportSource } from './report-source.ts';
import { createSevGuestSource, DEFAULT_DEVICE_PATH } from './sev-guest.ts';

export interface ReportSourcePaths {
  /** Default: {@link DEFAULT_CONFIGFS_PATH}. */
  readonly configfsPath?: string;
  /** Default: {@link DEFAULT_DEVICE_PATH}. */
  readonly devicePath?: string;
}

/**
 * The way to reports that this kernel offers: configfs where it is mounted, else the device.
 * @throws {SnpDriverError} ERR_SNP_UNAVAILABLE there is none
 */
export async function openReportSource(paths: ReportSourcePaths = {}): Promise<ReportSource> {
  const { configfsPath = DEFAULT_CONFIGFS_PATH, devicePath = DEFAULT_DEVICE_PATH } = paths;
  if (await isThere(configfsPath, constants.W_OK)) return createConfigfsSource(configfsPath);
  if (await isThere(devicePath, constants.R_OK | constants.W_OK)) {
    return createSevGuestSource(devicePath);
  }
  throw new SnpDriverError(
    'ERR_SNP_UNAVAILABLE',
    `no attestation reports: neither ${configfsPath} nor ${devicePath} can be used. ` +
      'Is this an SEV-SNP guest, is the kernel module sev-guest loaded, may this user open them?',
  );
}

async function isThere(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}
