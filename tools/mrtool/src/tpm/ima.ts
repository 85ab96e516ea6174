import type { Component } from '@cmc/attestationreport';
import { imaEvent } from '@cmc/driver-tpm/log';
import { type HashName, type ImaEntry, imaEntryDigest } from '@cmc/ima';

export interface ImaComponentsOptions {
  /** Digests of these banks. Default: SHA-256. */
  readonly banks?: readonly HashName[];
  /** Default: all. */
  readonly pcrs?: readonly number[];
  /** The kernel extended padded SHA-1 digests into banks whose hash it did not have. */
  readonly paddedSha1?: boolean;
}

export interface ImaComponents {
  readonly components: readonly Component[];
  /** Entries that cannot be references: the kernel could not tell what was read. */
  readonly violations: readonly ImaEntry[];
}

/** Reference components for the entries of an IMA list; optional, since nobody must run a file. */
export function imaComponents(
  entries: readonly ImaEntry[],
  { banks = ['SHA-256'], pcrs, paddedSha1 = false }: ImaComponentsOptions = {},
): ImaComponents {
  const wanted = entries.filter(({ pcr }) => pcrs?.includes(pcr) !== false);
  const components = wanted
    .filter(({ isViolation }) => !isViolation)
    .map((entry) =>
      imaEvent(
        entry,
        banks.map((alg) => ({
          alg,
          content: imaEntryDigest(entry, { bank: alg, paddedSha1: paddedSha1 && alg !== 'SHA-1' }),
        })),
      ),
    );
  return { components, violations: wanted.filter(({ isViolation }) => isViolation) };
}
