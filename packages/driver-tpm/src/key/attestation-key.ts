import type { SignatureAlgorithm, Signer, WaitOptions } from '@cmc/attestationreport';
import { keyTemplate, type Tpm, type TpmObject } from 'tpm2-ts';
import { decodeTpmtPublic, publicAreaToSpki } from 'tpm2-ts/verify';
import { openStorageRootKey } from '../device/storage-root-key.ts';
import type { TpmAccess } from '../device/tpm-access.ts';
import { TpmDriverError } from '../errors.ts';
import type { KeyBlob } from './key-blob.ts';
import { rawSignature } from './raw-signature.ts';

/** Kinds of attestation keys: ECDSA on P-256, or RSASSA PKCS #1 v1.5, both with SHA-256. */
export type AttestationKeyAlgorithm = 'EC256' | 'RSA2048';

const TEMPLATES = {
  EC256: keyTemplate({
    key: 'P-256',
    restricted: true,
    scheme: { scheme: 'ECDSA', hash: 'SHA-256' },
  }),
  RSA2048: keyTemplate({
    key: 2048,
    restricted: true,
    scheme: { scheme: 'RSASSA', hash: 'SHA-256' },
  }),
} as const;

/** Makes an attestation key, which says of itself that this TPM created it. */
export async function createAttestationKey(
  access: TpmAccess,
  algorithm: AttestationKeyAlgorithm,
  options: WaitOptions = {},
): Promise<KeyBlob> {
  return await access.use(async (tpm, wait) => {
    const srk = await openStorageRootKey(tpm, wait);
    const created = await tpm.create(srk, { template: TEMPLATES[algorithm], ...wait });
    await using ak = await tpm.load(srk, created, wait);
    const { attest, signature } = await tpm.certifyCreation(ak, ak, { ...created, ...wait });
    const { publicArea, privateArea, creationData } = created;
    return { publicArea, privateArea, creationData, attestation: attest, signature };
  }, options);
}

/** Loads a key. @throws {TpmError} ERR_TPM_RESPONSE: it is not of this TPM */
export async function loadKey(tpm: Tpm, blob: KeyBlob, options: WaitOptions): Promise<TpmObject> {
  return await tpm.load(await openStorageRootKey(tpm, options), blob, options);
}

/** SubjectPublicKeyInfo of a key, DER. @throws {TpmDriverError} ERR_TPM_DRIVER_KEY */
export function publicKeyOf({ publicArea }: KeyBlob): Uint8Array {
  try {
    return publicAreaToSpki(decodeTpmtPublic(publicArea));
  } catch (cause) {
    throw new TpmDriverError('ERR_TPM_DRIVER_KEY', 'stored TPM key: no public key in it', {
      cause,
    });
  }
}

/** A {@link Signer} for messages that are no attestations: certification requests. */
export function attestationKeySigner(access: TpmAccess, blob: KeyBlob): Signer {
  const own: SignatureAlgorithm =
    decodeTpmtPublic(blob.publicArea).type === 'ECC' ? 'ES256' : 'RS256';
  const publicKey = publicKeyOf(blob);
  return {
    publicKey,
    certificateChain: [],
    algorithms: [own],
    signMessage: async (message, algorithm, options = {}) => {
      if (algorithm !== own) {
        throw new RangeError(`algorithm: expected ${own}, got ${algorithm}`);
      }
      return await access.use(async (tpm, wait) => {
        const { digest, ticket } = await tpm.hash('SHA-256', message, wait);
        await using key = await loadKey(tpm, blob, wait);
        return rawSignature(await tpm.sign(key, digest, { ticket, ...wait }), algorithm);
      }, options);
    },
    signDigest: async () => {
      const message = 'an attestation key signs only what its TPM hashed: sign the message';
      throw new TpmDriverError('ERR_TPM_DRIVER_RESTRICTED', message);
    },
  };
}
