import { keyTemplate, type OpenTpmOptions, openTpm, storageKeyTemplate } from 'tpm2-ts';
import type { PcrValues } from 'tpm2-ts/verify';

/** A quote of PCR 0 and 7. Every handle is flushed, whatever happens. */
export async function quote(nonce: Uint8Array, where: OpenTpmOptions = { device: '/dev/tpmrm0' }) {
  await using tpm = await openTpm(where);
  await using parent = await tpm.createPrimary('owner', { template: storageKeyTemplate() });
  const scheme = { scheme: 'ECDSA', hash: 'SHA-256' } as const;
  const template = keyTemplate({ key: 'P-256', restricted: true, scheme });
  await using key = await tpm.load(parent, await tpm.create(parent, { template }));
  const selection = [{ bank: 'SHA-256', pcrs: [0, 7] }] as const;
  const signed = await tpm.quote(key, { qualifyingData: nonce, pcrs: selection });
  const pcrs: PcrValues = new Map([['SHA-256', await tpm.pcrs.read('SHA-256', [0, 7])]]);
  return { ...signed, publicArea: key.publicArea, pcrs };
}
