import { type Metadata, selectMetadata } from '@cmc/attestationreport';
import { decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { extractPayload } from '@cmc/attestationreport/sign';
import { createMetadataSource } from '@cmc/cmcd';
import { describeError } from '@cmc/host';
import type { Check } from './check.ts';

const DAY_MS = 86_400_000;
const WARN_DAYS = 7;
const RENEW = 'sign the item anew with a later validity, and update the metadata of the daemon';

/** How long the own metadata is still valid; signatures are not verified. */
export async function metadataChecks(
  locations: readonly string[],
  options: { readonly now: Date; readonly signal: AbortSignal },
): Promise<readonly Check[]> {
  const id = 'metadata';
  let items: readonly Uint8Array[];
  try {
    const source = await createMetadataSource({ locations });
    items = await source.load({ signal: options.signal });
  } catch (error) {
    options.signal.throwIfAborted();
    const text = `metadata cannot be loaded: ${describeError(error)}`;
    return [{ id, state: 'problem', text, remedy: 'correct the locations or the files there' }];
  }
  const { items: newest, dropped } = selectMetadata(items);
  const unusable = dropped.map(({ reason }): Check => {
    const text = `a metadata item is left out: ${reason}`;
    return { id, state: 'warning', text, remedy: 'remove it from the metadata' };
  });
  const checks = newest.map((item) => {
    const { value } = decodeStruct(metadataSchema, extractPayload(item).payload);
    return validityCheck(value, options.now);
  });
  if (checks.length > 0) return [...unusable, ...checks];
  const text = 'there is no metadata at the given locations';
  return [...unusable, { id, state: 'problem', text, remedy: 'put signed metadata there' }];
}

function validityCheck({ type, name = '', validity }: Metadata, now: Date): Check {
  const id = 'metadata';
  const title = `${type} ${name}`.trim();
  if (validity === undefined) {
    return { id, state: 'problem', text: `${title} has no validity`, remedy: RENEW };
  }
  const { notBefore, notAfter } = validity;
  const days = Math.floor((Date.parse(notAfter) - now.getTime()) / DAY_MS);
  if (Number.isNaN(days) || Number.isNaN(Date.parse(notBefore))) {
    return { id, state: 'problem', text: `${title} has an unreadable validity`, remedy: RENEW };
  }
  if (days < 0) {
    return { id, state: 'problem', text: `${title} expired at ${notAfter}`, remedy: RENEW };
  }
  if (Date.parse(notBefore) > now.getTime()) {
    const remedy = 'wait, or check the clock (--time-source)';
    return { id, state: 'problem', text: `${title} is valid from ${notBefore} on`, remedy };
  }
  const text = `${title} is valid until ${notAfter}, ${days} days from now`;
  return days < WARN_DAYS
    ? { id, state: 'warning', text, remedy: RENEW }
    : { id, state: 'ok', text };
}
