import { concatBytes, equalBytes, toHex } from '@cmc/bytes';
import {
  decodeCspId,
  productOfName,
  SnpOid,
  type SnpProduct,
  type SnpReport,
} from '../../snp/index.ts';
import type { SnpRequirements } from '../../types/metadata.ts';
import type { Certificate } from '../../x509/index.ts';
import type { SnpMismatch } from './snp-mismatch.ts';

const CHIP_BYTES = 64;
const RELAUNCH = 'launch the guest with the value of the policy, or change snpPolicy';

/** Everything that {@link SnpRequirements} demand and the report does not have. */
export function checkSnpRequirements(
  report: SnpReport,
  product: SnpProduct,
  leaf: Certificate,
  required: SnpRequirements,
): readonly SnpMismatch[] {
  return [
    ...checkIdentity(report, required),
    ...checkGuestBits(report, required),
    ...checkPlatform(report, required),
    ...checkMitigations(report, required),
    ...checkProvider(report, leaf, required),
    ...checkChip(report, product, required),
  ];
}

function checkIdentity(report: SnpReport, required: SnpRequirements): readonly SnpMismatch[] {
  const { vmpl = 0, guestSvn = 0, idKeyDigests = [], authorKeyDigests = [] } = required;
  const exact = (name: 'familyId' | 'imageId' | 'hostData'): readonly SnpMismatch[] => {
    const claimed = required[name];
    if (claimed === undefined || claimed.length === 0) return [];
    return equalBytes(claimed, report[name])
      ? []
      : [mismatch(name, toHex(claimed), toHex(report[name]), RELAUNCH)];
  };
  const oneOf = (
    name: 'idKeyDigest' | 'authorKeyDigest',
    allowed: readonly Uint8Array[],
  ): readonly SnpMismatch[] => {
    // Without an author key the field holds nothing that was verified.
    const present = name === 'idKeyDigest' || report.authorKeyEn;
    if (allowed.length === 0) return [];
    if (present && allowed.some((digest) => equalBytes(digest, report[name]))) return [];
    const claimed = `one of ${allowed.map(toHex).join(', ')}`;
    const measured = present ? toHex(report[name]) : 'no author key';
    return [mismatch(name, claimed, measured, 'launch the guest with a signed id block')];
  };
  return [
    ...(report.vmpl === vmpl
      ? []
      : [
          mismatch(
            'VMPL',
            String(vmpl),
            String(report.vmpl),
            'let the driver ask at that privilege level, or set vmpl in snpPolicy',
          ),
        ]),
    ...(report.guestSvn >= guestSvn
      ? []
      : [mismatch('guestSvn', `at least ${guestSvn}`, String(report.guestSvn), RELAUNCH)]),
    ...exact('familyId'),
    ...exact('imageId'),
    ...exact('hostData'),
    ...oneOf('idKeyDigest', idKeyDigests),
    ...oneOf('authorKeyDigest', authorKeyDigests),
  ];
}

function checkGuestBits(
  { policy }: SnpReport,
  { allowCxl = false, requiredGuestPolicy = [] }: SnpRequirements,
): readonly SnpMismatch[] {
  const bits: ReadonlyMap<string, boolean> = new Map([
    ['memAes256Xts', policy.memAes256Xts],
    ['raplDis', policy.raplDis],
    ['ciphertextHiding', policy.ciphertextHiding],
    ['pageSwapDisable', policy.pageSwapDisable],
  ]);
  return [
    ...(policy.cxlAllow && !allowCxl
      ? [mismatch('guest policy cxlAllow', 'no', 'yes', RELAUNCH)]
      : []),
    ...checkBits('guest policy', bits, requiredGuestPolicy, RELAUNCH),
  ];
}

function checkPlatform(
  { platformInfo }: SnpReport,
  { requiredPlatform = [] }: SnpRequirements,
): readonly SnpMismatch[] {
  const bits: ReadonlyMap<string, boolean> = new Map([
    ['tsme', platformInfo.tsme],
    ['ecc', platformInfo.ecc],
    ['raplDisabled', platformInfo.raplDisabled],
    ['ciphertextHiding', platformInfo.ciphertextHiding],
    ['aliasCheckComplete', platformInfo.aliasCheckComplete],
    ['smtDisabled', !platformInfo.smt],
  ]);
  return checkBits('platform', bits, requiredPlatform, 'configure or update the host');
}

function checkBits(
  where: string,
  bits: ReadonlyMap<string, boolean>,
  required: readonly string[],
  fix: string,
): readonly SnpMismatch[] {
  return required.flatMap((name) => {
    const bit = bits.get(name);
    if (bit === true) return [];
    // A requirement with a typing error must not be one that is always met.
    return bit === undefined
      ? [
          mismatch(
            `${where} ${name}`,
            'it',
            'nothing of this name',
            'correct the name in snpPolicy',
          ),
        ]
      : [mismatch(`${where} ${name}`, 'yes', 'no', fix)];
  });
}

function checkMitigations(
  { launchMitVector, currentMitVector }: SnpReport,
  { launchMitigations, currentMitigations }: SnpRequirements,
): readonly SnpMismatch[] {
  const check = (
    field: string,
    claimed: Uint8Array | undefined,
    measured: bigint | undefined,
  ): readonly SnpMismatch[] => {
    if (claimed === undefined || claimed.length === 0) return [];
    const bits = BigInt(`0x${toHex(claimed)}`);
    if (measured !== undefined && (measured & bits) === bits) return [];
    const got = measured === undefined ? 'none (before version 5)' : `0x${measured.toString(16)}`;
    return [mismatch(field, `0x${bits.toString(16)}`, got, 'update the firmware of the host')];
  };
  return [
    ...check('launch mitigations', launchMitigations, launchMitVector),
    ...check('current mitigations', currentMitigations, currentMitVector),
  ];
}

function checkProvider(
  { signingKey }: SnpReport,
  leaf: Certificate,
  { cspIds = [] }: SnpRequirements,
): readonly SnpMismatch[] {
  if (signingKey === 0) return [];
  const value = leaf.extensions.find(({ oid }) => oid === SnpOid.cspId)?.value;
  const measured = value === undefined ? 'none' : decodeCspId(value);
  if (value !== undefined && cspIds.includes(measured)) return [];
  const claimed = cspIds.length === 0 ? 'a key of the chip (VCEK)' : `one of ${cspIds.join(', ')}`;
  const fix = 'use a VCEK, or add the provider to cspIds of snpPolicy';
  return [mismatch('provider (VLEK)', claimed, measured, fix)];
}

function checkChip(
  { chipId }: SnpReport,
  product: SnpProduct,
  { deniedGenerations = [], deniedChips = [], allowedChips = [] }: SnpRequirements,
): readonly SnpMismatch[] {
  const isChip = (id: Uint8Array): boolean =>
    id.length <= CHIP_BYTES &&
    equalBytes(concatBytes(id, new Uint8Array(CHIP_BYTES - id.length)), chipId);
  const masked = chipId.every((byte) => byte === 0);
  const unknown = deniedGenerations.filter((name) => productOfName(name) === undefined);
  const listed = deniedChips.length + allowedChips.length > 0;
  const measured = masked ? 'no chip id (masked)' : toHex(chipId);
  const move = 'move the guest to another host';
  return [
    ...(deniedGenerations.some((name) => productOfName(name) === product)
      ? [mismatch('generation', `none of ${deniedGenerations.join(', ')}`, product, move)]
      : []),
    ...unknown.map((name) =>
      mismatch(`denied generation ${name}`, 'it', 'nothing of this name', 'correct the name'),
    ),
    ...(deniedChips.some(isChip) ? [mismatch('chip', 'another one', measured, move)] : []),
    ...(listed && masked ? [mismatch('chip', 'a chip id', measured, move)] : []),
    ...(allowedChips.length > 0 && !masked && !allowedChips.some(isChip)
      ? [mismatch('chip', 'one of allowedChips', measured, move)]
      : []),
  ];
}

function mismatch(field: string, claimed: string, measured: string, fix: string): SnpMismatch {
  return { field, claimed, measured, fix };
}
