import type { MetadataVersionStore, TpmClockStore, VerifyOptions } from '@cmc/attestationreport';
import type { PolicyEngine } from '@cmc/attestationreport/policy';
import { openMetadataVersions } from './metadata-versions.ts';
import { openTpmClocks } from './tpm-clocks.ts';

/** What a CMC is told as `verify()` is. */
type SameDemand =
  | 'metadataRoots'
  | 'policyOverwrite'
  | 'checkOmsp'
  | 'requireOmsp'
  | 'requireReportSignature'
  | 'reportRoots'
  | 'minimumMetadataSigners'
  | 'tpmAllowTlsKeys'
  | 'tpmAllowUncheckedBootAggregate'
  | 'imaKeys'
  | 'snpRoots';

/** What every report has to meet, whoever sends it. */
export interface CmcDemands extends Pick<VerifyOptions, SameDemand> {
  /** What runs policies. Default: the one of attestationreport. `false`: reports that come with a policy fail. */
  readonly policyEngine?: PolicyEngine | false;
  /** Remembers the versions of accepted metadata. Default: in memory. `false`: older metadata passes. */
  readonly metadataVersions?: MetadataVersionStore | false;
  /** Remembers the clocks of TPMs. Default: in memory. `false`: a TPM that was set back passes. */
  readonly tpmClocks?: TpmClockStore | false;
  /**
   * Revocation lists (DER) of SEV-SNP roots, or what gets them: at start, and again with each
   * UpdateMetadata. When there are any, the root of every chain must have one that is in date and
   * clears it. Default: none, revocation is not checked.
   */
  readonly snpRevocationLists?: readonly Uint8Array[] | (() => Promise<readonly Uint8Array[]>);
}

/** Options of `verify()` that are the same for every report. */
export interface Demands {
  current(): Omit<VerifyOptions, 'nonce'>;
  /** Gets revocation lists again; what was there stays when that fails. */
  update(): Promise<void>;
}

export async function openDemands(
  options: CmcDemands,
  defaultEngine: PolicyEngine | undefined,
): Promise<Demands> {
  const { snpRevocationLists = [] } = options;
  const policyEngine = options.policyEngine ?? defaultEngine;
  const metadataVersions = options.metadataVersions ?? (await openMetadataVersions());
  const tpmClocks = options.tpmClocks ?? (await openTpmClocks());
  const fixed: Omit<VerifyOptions, 'nonce'> = {
    ...sameDemands(options),
    ...(policyEngine && { policyEngine }),
    ...(metadataVersions && { metadataVersions }),
    ...(tpmClocks && { tpmClocks }),
  };
  const load = async (): Promise<Omit<VerifyOptions, 'nonce'>> => {
    const lists =
      typeof snpRevocationLists === 'function' ? await snpRevocationLists() : snpRevocationLists;
    return { ...fixed, snpRevocationLists: lists };
  };
  let current = await load();
  return {
    current: () => current,
    update: async () => {
      current = await load();
    },
  };
}

/** By name: what a CMC is made of has more than `verify()` is to be told. */
const SAME: Readonly<Record<SameDemand, true>> = Object.freeze({
  metadataRoots: true,
  policyOverwrite: true,
  checkOmsp: true,
  requireOmsp: true,
  requireReportSignature: true,
  reportRoots: true,
  minimumMetadataSigners: true,
  tpmAllowTlsKeys: true,
  tpmAllowUncheckedBootAggregate: true,
  imaKeys: true,
  snpRoots: true,
});

function sameDemands(options: CmcDemands): Pick<VerifyOptions, SameDemand> {
  const given = Object.entries(options).filter(
    ([name, value]) => Object.hasOwn(SAME, name) && value !== undefined,
  );
  return { metadataRoots: options.metadataRoots, ...Object.fromEntries(given) };
}
