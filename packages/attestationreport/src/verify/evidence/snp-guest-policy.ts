import type { SnpReport } from '../../snp/index.ts';
import type { SnpGuestPolicy } from '../../types/metadata.ts';
import type { BooleanMatch, SnpPolicyCheck } from '../../types/result.ts';
import type { SnpMismatch } from './snp-mismatch.ts';
import { isAtLeast } from './snp-versions.ts';

const RELAUNCH = 'launch the guest with another guest policy';

/**
 * Compares the guest's policy with ours, which is the most that it may allow (SMT, migration) and
 * the least that it must demand (ABI version, single socket). Debugging is never accepted, whatever
 * the policy says: the host reads and writes the memory of such a guest.
 */
export function checkSnpGuestPolicy(
  { policy: measured }: SnpReport,
  claimed: SnpGuestPolicy,
): { readonly result: SnpPolicyCheck; readonly mismatches: readonly SnpMismatch[] } {
  const mismatches: SnpMismatch[] = [];
  const match = (
    name: 'smt' | 'migration' | 'debug' | 'singleSocket',
    success: boolean,
    demand: string,
  ): BooleanMatch => {
    if (!success) {
      const got = measured[name] ? 'yes' : 'no';
      const field = `guest policy ${name}`;
      mismatches.push({ field, claimed: demand, measured: got, fix: RELAUNCH });
    }
    return { success, claimed: claimed[name], measured: measured[name] };
  };
  const abiClaimed = [claimed.abiMajor, claimed.abiMinor];
  const abiMeasured = [measured.abiMajor, measured.abiMinor];
  const abi = {
    success: isAtLeast(abiMeasured, abiClaimed),
    claimed: abiClaimed,
    measured: abiMeasured,
  };
  if (!abi.success) {
    mismatches.push({
      field: 'guest policy ABI',
      claimed: `at least ${abiClaimed.join('.')}`,
      measured: abiMeasured.join('.'),
      fix: RELAUNCH,
    });
  }
  const smt = match('smt', claimed.smt || !measured.smt, 'no');
  const migration = match('migration', claimed.migration || !measured.migration, 'no');
  const debug = match('debug', !measured.debug, 'no, always');
  const singleSocket = match('singleSocket', measured.singleSocket || !claimed.singleSocket, 'yes');
  const status = mismatches.length === 0 ? 'success' : 'fail';
  return { result: { result: { status }, abi, smt, migration, debug, singleSocket }, mismatches };
}
