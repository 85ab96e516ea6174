import { keyTemplate, storageKeyTemplate, type Tpm, type TpmObject } from '../../src/index.ts';

const TEMPLATE = keyTemplate({
  key: 'P-256',
  restricted: true,
  scheme: { scheme: 'ECDSA', hash: 'SHA-256' },
});

/** Loads an attestation key; its parent is flushed. */
export async function loadAk(tpm: Tpm): Promise<TpmObject> {
  await using srk = await tpm.createPrimary('owner', { template: storageKeyTemplate() });
  return await tpm.load(srk, await tpm.create(srk, { template: TEMPLATE }));
}
