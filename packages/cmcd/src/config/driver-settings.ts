import type { CmcdConfig, DriverName } from './schema.ts';

/** The drivers of this version. */
export const AVAILABLE_DRIVERS: ReadonlySet<DriverName> = new Set<DriverName>(['tpm', 'snp', 'sw']);

/** A setting that only some drivers read. */
export type DriverSettingName =
  | 'tpmDevice'
  | 'tpmKeyAlg'
  | 'excludePcrs'
  | 'measurementLogs'
  | 'imaSignatures'
  | 'tpmEventLog'
  | 'imaLog'
  | 'vmpl'
  | 'vendorCache'
  | 'endorsementMode'
  | 'endorsementAddr';

export interface DriverSetting {
  /** Which drivers read it. */
  readonly drivers: readonly DriverName[];
  /** What it is by default, where saying that without these drivers is no mistake. */
  readonly byDefault?: boolean | readonly [];
}

export const DRIVER_SETTINGS: Readonly<Record<DriverSettingName, DriverSetting>> = Object.freeze({
  tpmDevice: { drivers: ['tpm'] },
  tpmKeyAlg: { drivers: ['tpm'] },
  excludePcrs: { drivers: ['tpm'], byDefault: [] },
  measurementLogs: { drivers: ['tpm', 'tdx'], byDefault: true },
  imaSignatures: { drivers: ['tpm'], byDefault: false },
  tpmEventLog: { drivers: ['tpm'] },
  imaLog: { drivers: ['tpm'] },
  vmpl: { drivers: ['snp'] },
  vendorCache: { drivers: ['snp', 'tdx', 'sgx'] },
  endorsementMode: { drivers: ['tpm', 'snp', 'tdx', 'sgx'] },
  endorsementAddr: { drivers: ['tpm', 'snp', 'tdx', 'sgx'] },
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
  return Object.entries(DRIVER_SETTINGS).flatMap(([name, { drivers, byDefault }]) => {
    const setting = name as DriverSettingName;
    const readers = drivers.filter((driver) => AVAILABLE_DRIVERS.has(driver));
    const saysNothing = isSame(config[setting], undefined) || isSame(config[setting], byDefault);
    if (saysNothing || readers.some((driver) => used.includes(driver))) return [];
    return [{ setting, drivers, available: readers.length > 0 }];
  });
}

/** Lists are the same when both are empty: no default has anything in it. */
function isSame(value: CmcdConfig[DriverSettingName], other: DriverSetting['byDefault']): boolean {
  return Array.isArray(value) && Array.isArray(other) ? value.length === 0 : value === other;
}
