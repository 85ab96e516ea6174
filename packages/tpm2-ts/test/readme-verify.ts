import { type PcrValues, verifyQuote } from 'tpm2-ts/verify';

/** What speaks against a quote; nothing, when a TPM vouches for these PCR values. */
export async function objections(
  quote: { readonly attest: Uint8Array; readonly signature: Uint8Array },
  publicArea: Uint8Array, // of an attestation key that is known to be in a TPM
  nonce: Uint8Array,
  pcrs: PcrValues,
): Promise<readonly string[]> {
  const key = { publicArea };
  const { checks } = await verifyQuote({ ...quote, key, nonce, pcrs, requiredPcrs: [0, 7] });
  return checks.filter(({ ok }) => !ok).map(({ id, details }) => `${id}: ${details}`);
}
