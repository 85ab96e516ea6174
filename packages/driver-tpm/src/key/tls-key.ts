import { createHash } from 'node:crypto';
import type { SignatureAlgorithm, Signer, WaitOptions } from '@cmc/attestationreport';
import { keyTemplate } from 'tpm2-ts';
import { decodeTpmtPublic, TPMA_OBJECT, type TpmtPublic, type TpmtScheme } from 'tpm2-ts/verify';
import { openStorageRootKey } from '../device/storage-root-key.ts';
import type { TpmAccess } from '../device/tpm-access.ts';
import { TpmDriverError } from '../errors.ts';
import { loadKey, publicKeyOf } from './attestation-key.ts';
import type { KeyBlob } from './key-blob.ts';
import { hasDigestSalt } from './pss-salt.ts';
import { rawSignature } from './raw-signature.ts';

/** Kinds of TLS keys; which of them a TPM can make is for it to say. */
export type TlsKeyAlgorithm = 'EC256' | 'EC384' | 'EC521' | 'RSA2048' | 'RSA4096';

const CURVES = {
  EC256: { curve: 'P-256', hash: 'SHA-256' },
  EC384: { curve: 'P-384', hash: 'SHA-384' },
  EC521: { curve: 'P-521', hash: 'SHA-512' },
} as const;
const RSA: readonly SignatureAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const ECDSA: Readonly<Record<string, SignatureAlgorithm>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
};
const SCHEMES = { RS: 'RSASSA', PS: 'RSAPSS' } as const;

/**
 * Makes a TLS key under the storage root key, certified by the attestation key.
 * @throws {TpmError} ERR_TPM_RESPONSE: this TPM has no such keys
 */
export async function createTlsKey(
  access: TpmAccess,
  algorithm: TlsKeyAlgorithm,
  attestationKey: KeyBlob,
  options: WaitOptions = {},
): Promise<KeyBlob> {
  const blob = await access.use(async (tpm, wait) => {
    const srk = await openStorageRootKey(tpm, wait);
    const { publicArea, privateArea, creationData } = await tpm.create(srk, {
      template: templateOf(algorithm),
      ...wait,
    });
    const none = new Uint8Array();
    return { publicArea, privateArea, creationData, attestation: none, signature: none };
  }, options);
  return await certifyTlsKey(access, blob, attestationKey, options);
}

/** The key with what the attestation key says about it: that it is in the same TPM. */
export async function certifyTlsKey(
  access: TpmAccess,
  blob: KeyBlob,
  attestationKey: KeyBlob,
  options: WaitOptions = {},
): Promise<KeyBlob> {
  return await access.use(async (tpm, wait) => {
    await using ak = await loadKey(tpm, attestationKey, wait);
    await using key = await loadKey(tpm, blob, wait);
    const { attest: attestation, signature } = await tpm.certify(key, ak, wait);
    return { ...blob, attestation, signature };
  }, options);
}

/** A {@link Signer} over a TLS key. @throws {TpmDriverError} ERR_TPM_DRIVER_KEY */
export function tlsKeySigner(access: TpmAccess, blob: KeyBlob): Signer {
  const publicKey = publicKeyOf(blob);
  const algorithms = algorithmsOf(decodeTpmtPublic(blob.publicArea));
  const signDigest: Signer['signDigest'] = async (digest, algorithm, options) => {
    const expected = Number(algorithm.slice(2)) / 8;
    if (!algorithms.includes(algorithm)) {
      throw new RangeError(`algorithm: expected ${algorithms.join(', ')}, got ${algorithm}`);
    }
    if (digest.length !== expected) {
      throw new RangeError(`digest: expected ${expected} bytes, got ${digest.length}`);
    }
    return await access.use(async (tpm, wait) => {
      await using key = await loadKey(tpm, blob, wait);
      const scheme = schemeOf(algorithm);
      const signature = rawSignature(
        await tpm.sign(key, digest, { ...(scheme === undefined ? {} : { scheme }), ...wait }),
        algorithm,
      );
      if (algorithm.startsWith('PS')) checkSalt(publicKey, signature, algorithm);
      return signature;
    }, options);
  };
  return {
    publicKey,
    certificateChain: [],
    algorithms,
    signDigest,
    signMessage: async (message, algorithm, options) => {
      const hash = createHash(`sha${algorithm.slice(2)}`);
      return await signDigest(new Uint8Array(hash.update(message).digest()), algorithm, options);
    },
  };
}

function templateOf(algorithm: TlsKeyAlgorithm): TpmtPublic {
  if (algorithm === 'RSA2048' || algorithm === 'RSA4096') {
    const template = keyTemplate({ key: algorithm === 'RSA2048' ? 2048 : 4096 });
    // As the Go implementation makes them: a key without a scheme signs with whichever is asked for.
    return { ...template, attributes: template.attributes | TPMA_OBJECT.decrypt };
  }
  const { curve, hash } = CURVES[algorithm];
  return keyTemplate({ key: curve, nameAlg: hash, scheme: { scheme: 'ECDSA', hash } });
}

function algorithmsOf(area: TpmtPublic): readonly SignatureAlgorithm[] {
  if (area.type === 'RSA') return RSA;
  const ecdsa = area.type === 'ECC' ? ECDSA[area.curve] : undefined;
  return ecdsa === undefined ? [] : [ecdsa];
}

/** Keys on curves have a scheme of their own. */
function schemeOf(algorithm: SignatureAlgorithm): TpmtScheme | undefined {
  if (algorithm.startsWith('ES')) return undefined;
  const hash = `SHA-${algorithm.slice(2)}` as 'SHA-256' | 'SHA-384' | 'SHA-512';
  return { scheme: SCHEMES[algorithm.slice(0, 2) as keyof typeof SCHEMES], hash };
}

function checkSalt(spki: Uint8Array, signature: Uint8Array, algorithm: SignatureAlgorithm): void {
  if (hasDigestSalt(spki, signature, `sha${algorithm.slice(2)}`)) return;
  throw new TpmDriverError(
    'ERR_TPM_DRIVER_SIGNATURE',
    'this TPM makes PSS signatures with another salt than TLS takes: use PKCS #1 v1.5 or ECDSA',
  );
}
