import type { WaitOptions } from '@cmc/attestationreport';
import { isTpmResponse, storageKeyTemplate, type Tpm, type TpmObject } from 'tpm2-ts';
import { TPMA_OBJECT, type TpmtPublic } from 'tpm2-ts/verify';
import { TpmDriverError } from '../errors.ts';

/** Where platforms keep it (TCG TPM v2.0 Provisioning Guidance, section 7.8). */
const SRK_HANDLE = 0x8100_0001;
const MODULUS_BYTES = 256;
const STORAGE = TPMA_OBJECT.restricted | TPMA_OBJECT.decrypt;

/**
 * The key that protects all others, which is in the TPM for good; made and put there where there is
 * none.
 * @throws {TpmDriverError} ERR_TPM_DRIVER_KEY: something else is in its place
 */
export async function openStorageRootKey(tpm: Tpm, options: WaitOptions): Promise<TpmObject> {
  const srk = (await openIfThere(tpm, options)) ?? (await provision(tpm, options));
  if ((srk.public.attributes & STORAGE) === STORAGE) return srk;
  const handle = `0x${SRK_HANDLE.toString(16)}`;
  throw new TpmDriverError('ERR_TPM_DRIVER_KEY', `the object at ${handle} is no storage key`);
}

async function openIfThere(tpm: Tpm, options: WaitOptions): Promise<TpmObject | undefined> {
  try {
    return await tpm.openPersistent(SRK_HANDLE, options);
  } catch (error) {
    if (isTpmResponse(error, 'HANDLE')) return undefined;
    throw error;
  }
}

async function provision(tpm: Tpm, options: WaitOptions): Promise<TpmObject> {
  await using primary = await tpm.createPrimary('owner', { template: template(), ...options });
  try {
    await tpm.evictControl('owner', primary, SRK_HANDLE, options);
  } catch (error) {
    // Another program was faster; the template gives the same key.
    if (!isTpmResponse(error, 'NV_DEFINED')) throw error;
  }
  return await tpm.openPersistent(SRK_HANDLE, options);
}

/** As other software makes it: with another start of the modulus it would be another key. */
function template(): TpmtPublic {
  const common = storageKeyTemplate(2048);
  return common.type === 'RSA' ? { ...common, unique: new Uint8Array(MODULUS_BYTES) } : common;
}
