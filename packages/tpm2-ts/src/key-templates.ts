import type { CurveName, HashName } from './algorithms.ts';
import {
  TPMA_OBJECT,
  type TpmtEccPublic,
  type TpmtRsaPublic,
  type TpmtScheme,
} from './structures/public-area.ts';

export interface KeyTemplateOptions {
  /** A curve, or bits of an RSA modulus. */
  readonly key: CurveName | 2048 | 3072 | 4096;
  /** Whether it signs nothing but what the TPM says about itself. Default: false. */
  readonly restricted?: boolean;
  /** Needed when `restricted`; without one, each signature says which it wants. */
  readonly scheme?: TpmtScheme;
  /** Default: SHA-256. */
  readonly nameAlg?: HashName;
  readonly authPolicy?: Uint8Array;
}

const EMPTY = new Uint8Array();
const OWN =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.userWithAuth;

/**
 * Template of a signing key that never leaves its TPM. `restricted` makes it an attestation key,
 * which dictionary attack protection does not lock.
 */
export function keyTemplate(options: KeyTemplateOptions): TpmtRsaPublic | TpmtEccPublic {
  const { key, restricted = false, scheme, nameAlg = 'SHA-256', authPolicy = EMPTY } = options;
  if (restricted && scheme === undefined) throw new TypeError('a restricted key needs a scheme');
  const attestation = restricted ? TPMA_OBJECT.restricted | TPMA_OBJECT.noDA : 0;
  const attributes = OWN | TPMA_OBJECT.sign | attestation;
  const common = { nameAlg, attributes, authPolicy, ...(scheme === undefined ? {} : { scheme }) };
  return withKey(common, key);
}

/** Template of a storage key, the parent of others: the SRK of the PC Client platform. */
export function storageKeyTemplate(key: CurveName | 2048 = 'P-256'): TpmtRsaPublic | TpmtEccPublic {
  const common = {
    nameAlg: 'SHA-256',
    attributes: OWN | TPMA_OBJECT.noDA | TPMA_OBJECT.restricted | TPMA_OBJECT.decrypt,
    authPolicy: EMPTY,
    symmetric: { algorithm: 'AES', keyBits: 128, mode: 'CFB' },
  } as const;
  return withKey(common, key);
}

function withKey(
  common: Omit<TpmtRsaPublic, 'type' | 'keyBits' | 'exponent' | 'unique'>,
  key: CurveName | 2048 | 3072 | 4096,
): TpmtRsaPublic | TpmtEccPublic {
  return typeof key === 'number'
    ? { type: 'RSA', ...common, keyBits: key, exponent: 0, unique: EMPTY }
    : { type: 'ECC', ...common, curve: key, unique: { x: EMPTY, y: EMPTY } };
}
