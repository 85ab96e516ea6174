import type { Signer, WaitOptions } from '@cmc/attestationreport';
import { equalBytes, type Logger } from '@cmc/bytes';
import {
  activateCredential,
  openEndorsementKey,
  readEkCertificate,
  type Tpm,
  type TpmInfo,
  type TpmObject,
} from 'tpm2-ts';
import {
  type Credential,
  EK_TEMPLATES,
  type EkTemplate,
  ekTemplate,
  publicAreaToSpki,
} from 'tpm2-ts/verify';
import type { TpmAccess } from '../device/tpm-access.ts';
import { TpmDriverError } from '../errors.ts';
import { attestationKeySigner, loadKey } from './attestation-key.ts';
import type { KeyBlob } from './key-blob.ts';

/** Which TPM it is. */
export interface TpmIdentity {
  readonly info: TpmInfo;
  /** SubjectPublicKeyInfo of the endorsement key, DER. */
  readonly ekPublicKey: Uint8Array;
  /** Certificate of it, DER; absent when there is none in the TPM. */
  readonly ekCertificate?: Uint8Array;
}

/** An attestation key that wants a certificate. */
export interface AttestationKeyRequest {
  /** Signs messages, not digests, with the key: the certification request. */
  readonly signer: Signer;
  /** The key, with the creation attestation that it signed itself. */
  readonly key: KeyBlob;
  identity(options?: WaitOptions): Promise<TpmIdentity>;
  /**
   * The secret in a credential, which the TPM opens only when it has both the attestation key and
   * the endorsement key that the credential was made for. It crosses the bus of the TPM encrypted
   * for the endorsement key that `identity` gave.
   */
  activate(credential: Credential, options?: WaitOptions): Promise<Uint8Array>;
}

/** Gets certificates for attestation keys. */
export interface AttestationKeyEndorser {
  /**
   * The certificate and its chain, DER, leaf first. Asked again for the same key, it may give the
   * certificate that it gave before.
   */
  endorse(request: AttestationKeyRequest, options?: WaitOptions): Promise<readonly Uint8Array[]>;
}

/** The request for a key of this TPM. */
export function attestationKeyRequest(
  access: TpmAccess,
  key: KeyBlob,
  logger: Logger,
): AttestationKeyRequest {
  let told: Uint8Array | undefined;
  return {
    signer: attestationKeySigner(access, key),
    key,
    identity: async (options) => {
      const identity = await access.use(readIdentity, options);
      told = identity.ekPublicKey;
      return identity;
    },
    activate: async (credential, options) =>
      await access.use(async (tpm, wait) => {
        const { template } = await findTemplate(tpm, wait);
        await using ek = await openEndorsementKey(tpm, template, wait);
        if (told !== undefined) checkSame(ek, told);
        await using ak = await loadKey(tpm, key, wait);
        return await activateCredential(tpm, ak, ek, credential, {
          ...wait,
          onUnencrypted: ({ message }) =>
            logger.warn({ message }, 'the TPM does not encrypt: a secret crosses its bus in clear'),
        });
      }, options),
  };
}

/**
 * The salt that protects the secret is for the key that the TPM shows now. The issuer checked the
 * certificate of the one that was shown before: whoever sits on the bus cannot show his own.
 */
function checkSame({ public: area }: TpmObject, told: Uint8Array): void {
  if (equalBytes(publicAreaToSpki(area), told)) return;
  const message = 'the TPM shows another endorsement key than the one that was certified';
  throw new TpmDriverError('ERR_TPM_DRIVER_KEY', message);
}

async function readIdentity(tpm: Tpm, wait: WaitOptions): Promise<TpmIdentity> {
  const { template, certificate } = await findTemplate(tpm, wait);
  await using ek = await openEndorsementKey(tpm, template, wait);
  return {
    info: await tpm.capabilities.info(wait),
    ekPublicKey: publicAreaToSpki(ek.public),
    ...(certificate === undefined ? {} : { ekCertificate: certificate }),
  };
}

/** The first endorsement key with a certificate; without any, the one that every TPM has. */
async function findTemplate(
  tpm: Tpm,
  wait: WaitOptions,
): Promise<{ readonly template: EkTemplate; readonly certificate?: Uint8Array }> {
  for (const template of EK_TEMPLATES) {
    const certificate = await readEkCertificate(tpm, template, wait);
    if (certificate !== undefined) return { template, certificate };
  }
  return { template: ekTemplate('L-1') };
}
