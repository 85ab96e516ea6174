import * as v from 'valibot';
import { type SettingEntries, setting, text } from './setting.ts';

/** What every program that verifies reports can be told about TPMs and SNP guests. */
export interface EvidenceSettings {
  readonly tpmAllowTlsKeys?: boolean;
  readonly tpmAllowUncheckedBootAggregate?: boolean;
  readonly imaKeys?: readonly string[];
  readonly snpCrls?: readonly string[];
}

const files = v.pipe(v.array(text), v.nonEmpty('expected at least one file'));

/** Describes {@link EvidenceSettings}. */
export const evidenceEntries: SettingEntries<EvidenceSettings> = {
  tpmAllowTlsKeys: setting(
    v.boolean(),
    'Whether reports of TPMs pass whose attestation key has a certificate for TLS. WHO HAS SUCH A CERTIFICATE FOR A KEY IN SOFTWARE CAN FORGE THEM. Default false',
  ),
  tpmAllowUncheckedBootAggregate: setting(
    v.boolean(),
    'Whether reports of TPMs pass whose boot_aggregate has a reference value, but may be of another boot, as they lack its entry or PCR 8 or 9. Default false',
  ),
  imaKeys: setting<readonly string[]>(
    files,
    'Files (PEM or DER) with certificates or public keys: files that a peer measured and they signed need no reference value, in any version. Default: none',
  ),
  snpCrls: setting<readonly string[]>(
    files,
    'Files (PEM or DER) with revocation lists of AMD: the root of every SNP report needs one that is in date. Default: revocation is not checked',
  ),
};
