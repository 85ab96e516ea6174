import type { WaitOptions } from '../contract.ts';

/**
 * What a policy says about an attestation result.
 * - `accept`: the script's completion value was `true`.
 * - `deny`: it was `false` or neither a boolean nor a string, or the script failed, or it used up
 *   its time or memory. `reason` is a sentence for people; it may quote the script's own error.
 * - `overwrite`: it was a string. Nothing about `resultJson` is checked: whether overwriting is
 *   allowed, and whether the text is an attestation result at all, is for the caller to decide.
 */
export type PolicyVerdict =
  | { readonly verdict: 'accept' }
  | { readonly verdict: 'deny'; readonly reason: string }
  | { readonly verdict: 'overwrite'; readonly resultJson: string };

/** Runs the policies of a verifier over an attestation result. */
export interface PolicyEngine {
  /**
   * The verdict of `policy` (source text, UTF-8) over the attestation result in JSON.
   * Whatever goes wrong while it runs is a `deny`, never a rejection. It rejects with the reason
   * of `signal` when that aborts, and with `ERR_POLICY_CLOSED` after the engine was closed.
   */
  evaluate(policy: Uint8Array, resultJson: string, options?: WaitOptions): Promise<PolicyVerdict>;
}
