import { concatBytes, equalBytes } from '@cmc/bytes';
import { digest, type HashName, hashSize } from '../algorithms.ts';
import type { TpmsQuoteAttest } from '../structures/attest.ts';
import type { TpmlPcrSelection } from '../structures/pcr-selection.ts';
import { difference } from './attestation-key.ts';
import type { Check } from './checks.ts';
import { type SignedAttestOptions, verifySignedAttest } from './signed-attest.ts';

/** PCR values by bank and index. */
export type PcrValues = ReadonlyMap<HashName, ReadonlyMap<number, Uint8Array>>;

export interface VerifyQuoteOptions extends SignedAttestOptions {
  /** What the quote must answer to, exactly. */
  readonly nonce: Uint8Array;
  /** The banks that must be quoted, and no others. Default: SHA-256. */
  readonly banks?: readonly HashName[];
  /** PCRs that must be quoted in every bank: those with reference values or a log. */
  readonly requiredPcrs?: readonly number[];
  /**
   * Values that must give the signed digest; those of PCRs that were not quoted are ignored. Without
   * them it is the caller's task to compare `pcrDigest`, see {@link computePcrDigest}.
   */
  readonly pcrs?: PcrValues;
}

/** Verdict on a quote. `quote` of a bad one is for display only. */
export type QuoteVerification =
  | { readonly ok: true; readonly checks: readonly Check[]; readonly quote: TpmsQuoteAttest }
  | { readonly ok: false; readonly checks: readonly Check[]; readonly quote?: TpmsQuoteAttest };

/**
 * Whether a TPM quoted its PCRs in answer to a nonce. Says nothing about whose key it is, nor about
 * `clockInfo` (compare it with the last accepted quote's).
 * @throws {RangeError} an empty nonce would accept every replay; no banks
 */
export async function verifyQuote(options: VerifyQuoteOptions): Promise<QuoteVerification> {
  const { nonce, banks = ['SHA-256'], requiredPcrs = [], pcrs } = options;
  if (nonce.length === 0) throw new RangeError('the expected nonce is empty');
  if (banks.length === 0) throw new RangeError('no PCR bank is expected');
  const { checks, attest: quote, signature } = await verifySignedAttest('quote', nonce, options);
  if (quote === undefined) return { ok: false, checks: checks.list };
  const { pcrSelect, pcrDigest } = quote;
  checks.add('pcr-banks', bankProblem(pcrSelect, banks));
  checks.add('pcr-selection', selectionProblem(pcrSelect, requiredPcrs));
  if (signature !== undefined) {
    const size = hashSize(signature.hash);
    const isExact = pcrDigest.length === size;
    checks.add(
      'pcr-digest-size',
      isExact ? undefined : `${pcrDigest.length} bytes, ${signature.hash} has ${size}`,
    );
    if (pcrs !== undefined) {
      checks.add('pcr-digest', digestProblem(pcrSelect, pcrs, signature.hash, pcrDigest));
    }
  }
  return checks.ok
    ? { ok: true, checks: checks.list, quote }
    : { ok: false, checks: checks.list, quote };
}

/**
 * Digest that a quote has over PCR values: in the order of the selection, ascending in each bank;
 * or what is missing or of the wrong length.
 */
export function computePcrDigest(
  selection: TpmlPcrSelection,
  pcrs: PcrValues,
  hash: HashName,
): { readonly digest: Uint8Array } | { readonly problem: string } {
  const values: Uint8Array[] = [];
  for (const { bank, pcrs: indices } of selection) {
    for (const index of indices) {
      const value = pcrs.get(bank)?.get(index);
      if (value === undefined) return { problem: `no value for PCR ${index} of ${bank}` };
      if (value.length !== hashSize(bank)) {
        return { problem: `PCR ${index} of ${bank} has ${value.length} bytes` };
      }
      values.push(value);
    }
  }
  return { digest: digest(hash, concatBytes(...values)) };
}

function bankProblem(
  selection: TpmlPcrSelection,
  expected: readonly HashName[],
): string | undefined {
  const banks = selection.map(({ bank }) => bank);
  const isExact =
    banks.length === expected.length && expected.every((bank) => banks.includes(bank));
  if (!isExact) return `expected ${expected.join(', ')}, got ${banks.join(', ') || 'none'}`;
  const empty = selection.find(({ pcrs }) => pcrs.length === 0);
  return empty === undefined ? undefined : `no PCR of ${empty.bank} is quoted`;
}

function selectionProblem(
  selection: TpmlPcrSelection,
  required: readonly number[],
): string | undefined {
  for (const { bank, pcrs } of selection) {
    const missing = required.filter((pcr) => !pcrs.includes(pcr));
    if (missing.length > 0) return `PCR ${missing.join(', ')} of ${bank} is not quoted`;
  }
  return undefined;
}

function digestProblem(
  selection: TpmlPcrSelection,
  pcrs: PcrValues,
  hash: HashName,
  signed: Uint8Array,
): string | undefined {
  const computed = computePcrDigest(selection, pcrs, hash);
  if ('problem' in computed) return computed.problem;
  return equalBytes(computed.digest, signed)
    ? undefined
    : difference('digest of the PCR values', signed, computed.digest);
}
