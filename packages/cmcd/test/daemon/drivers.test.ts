import { silentLogger } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import {
  AVAILABLE_DRIVERS,
  DRIVER_SETTINGS,
  unreadDriverSettings,
} from '../../src/config/driver-settings.ts';
import type { DriverName } from '../../src/config/schema.ts';
import { type DriverContext, openDrivers } from '../../src/daemon/drivers.ts';

const NAMES: readonly DriverName[] = ['tpm', 'sw', 'snp', 'tdx', 'sgx', 'azure'];
const NOT_HERE: Partial<Record<DriverName, string>> = {
  sw: 'ERR_CMCD_NO_CONTAINER_LOG',
  tpm: 'ERR_CMCD_NO_DRIVER',
  snp: 'ERR_SNP_UNAVAILABLE',
};
const context: DriverContext = {
  config: {},
  name: 'host.test',
  hashAlg: 'SHA-256',
  httpsRoots: [],
  logger: silentLogger,
};

describe('openDrivers', () => {
  test.each(NAMES)(
    'opens %s, or says that it is not available, as the settings say',
    async (name) => {
      // Here no driver finds what it measures: each has a code of its own for that.
      await expect(openDrivers([name], context)).rejects.toMatchObject({
        code: AVAILABLE_DRIVERS.has(name) ? NOT_HERE[name] : 'ERR_CMCD_NOT_AVAILABLE',
      });
    },
  );
});

describe('unreadDriverSettings', () => {
  test('names each setting that no driver reads', () => {
    const config = {
      rootCas: ['ca.pem'],
      drivers: ['sw'],
      tpmKeyAlg: 'EC256',
      tpmDevice: '/dev/tpm0',
      excludePcrs: [10],
      measurementLogs: false,
      imaSignatures: true,
      tpmEventLog: '/l',
      imaLog: '/i',
      vmpl: 0,
      vendorCache: '/v',
      endorsementMode: 'est',
      endorsementAddr: 'https://localhost',
    } as const;
    const unread = unreadDriverSettings(config);
    expect(unread.map(({ setting }) => setting).sort()).toStrictEqual(
      Object.keys(DRIVER_SETTINGS).sort(),
    );
  });
});
