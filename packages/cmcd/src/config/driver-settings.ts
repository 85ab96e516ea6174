import type { CmcdConfig, DriverName } from './schema.ts';

/** The drivers of this version. */
export const AVAILABLE_DRIVERS: ReadonlySet<DriverName> = new Set<DriverName>(['tpm', 'snp', 'sw']);

/** A setting that only some drivers read. */
export type DriverSettingName =
  | 'tpmDevice'
  | 'tpmKeyAlg'
  | 'excludePcrs'
  | 'measurementLogs'
  | 'vmpl'
  | 'vendorCache'
  | 'endorsementMode'
  | 'endorsementAddr';

/** Which drivers read it. */
export const DRIVER_SETTINGS: Readonly<Record<DriverSettingName, readonly DriverName[]>> =
  Object.freeze({
    tpmDevice: ['tpm'],
    tpmKeyAlg: ['tpm'],
    excludePcrs: ['tpm'],
    measurementLogs: ['tpm', 'tdx'],
    vmpl: ['snp'],
    vendorCache: ['snp', 'tdx', 'sgx'],
    endorsementMode: ['tpm', 'snp', 'tdx', 'sgx'],
    endorsementAddr: ['tpm', 'snp', 'tdx', 'sgx'],
  });

/** A setting that no driver of a config reads. */
export interface UnreadSetting {
  readonly setting: DriverSettingName;
  readonly drivers: readonly DriverName[];
  /** Whether there is, in this version, any driver that would. */
  readonly available: boolean;
}

/** What `config` says to drivers that it does not use, or that there are not. */
export function unreadDriverSettings(config: CmcdConfig): readonly UnreadSetting[] {
  const { drivers: used = [] } = config;
  return Object.entries(DRIVER_SETTINGS).flatMap(([name, drivers]) => {
    const setting = name as DriverSettingName;
    const readers = drivers.filter((driver) => AVAILABLE_DRIVERS.has(driver));
    if (!saysSomething(config[setting]) || readers.some((driver) => used.includes(driver))) {
      return [];
    }
    return [{ setting, drivers, available: readers.length > 0 }];
  });
}

/** Event logs are always in reports, and without excluded PCRs all are: that may be said. */
function saysSomething(value: CmcdConfig[DriverSettingName]): boolean {
  return value !== undefined && value !== true && !(Array.isArray(value) && value.length === 0);
}
