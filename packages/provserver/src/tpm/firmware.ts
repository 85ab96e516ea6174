import type { TpmInfo } from '@cmc/est';
import type { TpmIdentity } from './tpm-identity.ts';

const ST_MICROELECTRONICS = '53544D20';
/** ST's advisory for CVE-2019-16863: minor versions by major version. */
const TPM_FAIL: ReadonlyMap<number, readonly number[]> = new Map([
  [71, [0, 4, 12]],
  [73, [0, 4, 5, 8, 9]],
  [74, [0, 4, 5, 8, 9, 16]],
]);

/**
 * Why a TPM with this firmware cannot keep an ECDSA key secret (TPM-FAIL), if it cannot. Firmware is
 * updated in the field, so the version is the one that the device reports, not that of its
 * certificate.
 */
export function ecdsaFirmwareProblem(
  identity: Pick<TpmIdentity, 'vendorId'>,
  { firmwareMajor, firmwareMinor }: Pick<TpmInfo, 'firmwareMajor' | 'firmwareMinor'>,
): string | undefined {
  if (identity.vendorId !== ST_MICROELECTRONICS) return undefined;
  if (TPM_FAIL.get(firmwareMajor)?.includes(firmwareMinor) !== true) return undefined;
  const version = `${firmwareMajor}.${firmwareMinor}`;
  return `firmware ${version} leaks ECDSA keys (TPM-FAIL, CVE-2019-16863): update it, or use RSA`;
}
