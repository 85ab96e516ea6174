import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { TlsKeyConfig } from '@cmc/api';
import type { Signer, WaitOptions } from '@cmc/attestationreport';
import { decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { createSoftwareKey, softwareSigner } from '@cmc/driver-sw';
import type { KeyBlob, TpmTlsKeys } from '@cmc/driver-tpm';
import { CmcdError } from '../errors.ts';
import type { EnrollmentKey } from './enroller.ts';

/** A TLS key, wherever it is. */
export interface TlsKey {
  readonly kind: Pick<TlsKeyConfig, 'type' | 'alg'>;
  readonly signer: Signer;
  /** How it is kept: PKCS #8 in PEM, or the JSON of a TPM key, which only its TPM can use. */
  readonly text: string;
  /** What can be shown about it to who certifies it. */
  proof(options?: WaitOptions): Promise<EnrollmentKey>;
}

/** Makes TLS keys, and reads those that were kept. */
export interface TlsKeys {
  /** @throws {CmcdError} ERR_CMCD_NOT_AVAILABLE: there is no TPM, or it has no such keys */
  create(kind: Pick<TlsKeyConfig, 'type' | 'alg'>, options?: WaitOptions): Promise<TlsKey>;
  /** Rejects when it is no key, or one of a TPM that is not there. */
  read(text: string): Promise<TlsKey>;
}

/** Keys in software, and, where there is a TPM, in it. */
export function createTlsKeys(tpm?: TpmTlsKeys): TlsKeys {
  return {
    create: async ({ type, alg }, wait) => {
      if (type === 'sw') return softwareKey(await createSoftwareKey({ algorithm: alg }));
      return await tpmKey(await createInTpm(required(tpm), alg, wait), required(tpm));
    },
    read: async (text) => {
      if (!text.startsWith('{')) return softwareKey(createPrivateKey(text));
      const { decodeKeyBlob } = await import('@cmc/driver-tpm');
      return await tpmKey(decodeKeyBlob(encodeUtf8(text)), required(tpm));
    },
  };
}

function required(tpm: TpmTlsKeys | undefined): TpmTlsKeys {
  if (tpm !== undefined) return tpm;
  throw new CmcdError('ERR_CMCD_NOT_AVAILABLE', 'TLS keys of type tpm need driver tpm');
}

async function createInTpm(
  tpm: TpmTlsKeys,
  alg: TlsKeyConfig['alg'],
  wait: WaitOptions | undefined,
): Promise<KeyBlob> {
  const { isTpmResponse } = await import('tpm2-ts');
  try {
    return await tpm.create(alg, wait);
  } catch (cause) {
    const isUnknown = ['CURVE', 'VALUE', 'HASH', 'KEY_SIZE'].some((name) =>
      isTpmResponse(cause, name),
    );
    if (!isUnknown) throw cause;
    throw new CmcdError('ERR_CMCD_NOT_AVAILABLE', `this TPM has no keys of kind ${alg}`, { cause });
  }
}

function softwareKey(privateKey: KeyObject): TlsKey {
  return {
    kind: { type: 'sw', alg: algorithmOf(privateKey) },
    signer: softwareSigner({ privateKey }),
    text: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    proof: async () => ({ type: 'sw', privateKey }),
  };
}

async function tpmKey(blob: KeyBlob, tpm: TpmTlsKeys): Promise<TlsKey> {
  const { encodeKeyBlob } = await import('@cmc/driver-tpm');
  const signer = tpm.signer(blob);
  return {
    kind: { type: 'tpm', alg: algorithmOf(publicKeyOf(signer)) },
    signer,
    text: decodeUtf8(encodeKeyBlob(blob)),
    proof: async (wait) => {
      // The attestation key may have been replaced since the key was made.
      const { key, attestationKey } = await tpm.certify(blob, wait);
      return {
        type: 'tpm',
        certification: {
          ikPublic: key.publicArea,
          ikCreateData: key.creationData,
          ikAttestation: key.attestation,
          ikSignature: key.signature,
          akPublic: attestationKey.publicArea,
        },
      };
    },
  };
}

function publicKeyOf({ publicKey }: Signer): KeyObject {
  return createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
}

const CURVES: Readonly<Record<string, TlsKeyConfig['alg']>> = Object.freeze({
  prime256v1: 'EC256',
  secp384r1: 'EC384',
  secp521r1: 'EC521',
});

/** What a key is called in a config; RSA keys of other sizes count as the next one below. */
function algorithmOf({ asymmetricKeyDetails: details }: KeyObject): TlsKeyConfig['alg'] {
  const curve = CURVES[details?.namedCurve ?? ''];
  return curve ?? ((details?.modulusLength ?? 0) < 4096 ? 'RSA2048' : 'RSA4096');
}
