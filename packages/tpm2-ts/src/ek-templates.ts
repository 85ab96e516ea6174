import { fromHex } from '@cmc/bytes';
import { type CurveName, digest, type HashName, hashSize } from './algorithms.ts';
import { decodeEkSpki, keyToPublicArea } from './crypto/spki.ts';
import { TPMA_OBJECT, type TpmtEccPublic, type TpmtRsaPublic } from './structures/public-area.ts';

/** A template of the TCG EK Credential Profile (2.3 and later, annex B). */
export interface EkTemplate {
  readonly id: 'L-1' | 'L-2' | 'H-1' | 'H-2' | 'H-3' | 'H-4' | 'H-6' | 'H-7';
  readonly range: 'low' | 'high';
  readonly publicArea: TpmtRsaPublic | TpmtEccPublic;
  /** NV index of the certificate. */
  readonly certificateIndex: number;
  /** NV index of a template of the manufacturer, which goes before this one. */
  readonly templateIndex: number;
  /** NV index of what makes the key differ; low range only. */
  readonly nonceIndex?: number;
  /** Where the PC Client platform keeps the key, if it does. */
  readonly persistentHandle: number;
}

/** What commands with the key are authorised by. */
export interface EkPolicy {
  /** Digest of PolicySecret(endorsement hierarchy). */
  readonly policyA: Uint8Array;
  /** Digest of PolicyAuthorizeNV; only high-range templates accept it. */
  readonly policyC: Uint8Array;
  /** Digest of PolicyOR of both. */
  readonly policyB: Uint8Array;
}

const ENDORSEMENT = fromHex('4000000b');
const CC_POLICY_SECRET = fromHex('00000151');
const CC_POLICY_OR = fromHex('00000171');
/** The profile gives these as constants: names of NV indices of the platform go into them. */
const POLICY_C: Readonly<Record<'SHA-256' | 'SHA-384' | 'SHA-512', Uint8Array>> = {
  'SHA-256': fromHex('3767e2edd43ff45a3a7e1eaefcef78643dca964632e7aad82c673a30d8633fde'),
  'SHA-384': fromHex(
    'd6032ce61f2fb3c240eb3cf6a33237ef2b6a16f4293c22b455e261cffd217ad5b4947c2d73e63005eed2dc2b3593d165',
  ),
  'SHA-512': fromHex(
    '589ee1e146544716e8deafe6db247b01b81e9f9c7dd16b814aa159138749105fba5388dd1dea702f35240c184933121e2c61b8f50d3ef91393a49a38c3f73fc8',
  ),
};

const LOW_ATTRIBUTES =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.adminWithPolicy |
  TPMA_OBJECT.restricted |
  TPMA_OBJECT.decrypt;
const HIGH_ATTRIBUTES = LOW_ATTRIBUTES | TPMA_OBJECT.userWithAuth;

/** Policy digests of endorsement keys with this `nameAlg`. @throws {RangeError} SHA-1 */
export function ekPolicy(hash: HashName): EkPolicy {
  if (hash === 'SHA-1') throw new RangeError('no endorsement key has SHA-1 names');
  const zeros = new Uint8Array(hashSize(hash));
  const policyA = digest(hash, digest(hash, zeros, CC_POLICY_SECRET, ENDORSEMENT));
  const policyC = POLICY_C[hash];
  return { policyA, policyC, policyB: digest(hash, zeros, CC_POLICY_OR, policyA, policyC) };
}

/** Endorsement key templates that this library knows, in the order of the profile. */
export const EK_TEMPLATES: readonly EkTemplate[] = Object.freeze([
  rsa('L-1', 2048, 'SHA-256', 128, 0x01c0_0002, 0x8101_0001),
  ecc('L-2', 'P-256', 'SHA-256', 128, 0x01c0_000a, 0x8101_0002),
  rsa('H-1', 2048, 'SHA-256', 128, 0x01c0_0012, 0x8101_0012),
  ecc('H-2', 'P-256', 'SHA-256', 128, 0x01c0_0014, 0x8101_0014),
  ecc('H-3', 'P-384', 'SHA-384', 256, 0x01c0_0016, 0x8101_0016),
  ecc('H-4', 'P-521', 'SHA-512', 256, 0x01c0_0018, 0x8101_0018),
  rsa('H-6', 3072, 'SHA-384', 256, 0x01c0_001c, 0x8101_001c),
  rsa('H-7', 4096, 'SHA-384', 256, 0x01c0_001e, 0x8101_001e),
]);

/** The template called `id`. */
export function ekTemplate(id: EkTemplate['id']): EkTemplate {
  const template = EK_TEMPLATES.find((candidate) => candidate.id === id);
  if (template === undefined) throw new RangeError(`no endorsement key template ${id}`);
  return template;
}

/**
 * Public area of the endorsement key in a certificate: the certificate has the key alone, the rest is
 * that of the profile's template for this type and size. Where two ranges have one (RSA 2048, P-256),
 * `range` decides.
 * @throws {DecodeError} `spki` is malformed @throws {RangeError} no template for this kind of key
 */
export function ekPublicArea(
  spki: Uint8Array,
  range: 'low' | 'high' = 'low',
): TpmtRsaPublic | TpmtEccPublic {
  const key = decodeEkSpki(spki);
  const fits = EK_TEMPLATES.filter(({ publicArea: area }) =>
    key.type === 'RSA'
      ? area.type === 'RSA' && area.keyBits === 8 * key.modulus.length
      : area.type === 'ECC' && area.curve === key.curve,
  );
  const template = fits.find((candidate) => candidate.range === range) ?? fits[0];
  if (template === undefined) throw new RangeError('no endorsement key template for this key');
  return keyToPublicArea(key, template.publicArea);
}

function rsa(
  id: EkTemplate['id'],
  keyBits: number,
  hash: HashName,
  symmetricBits: 128 | 256,
  certificateIndex: number,
  persistentHandle: number,
): EkTemplate {
  const common = commonOf(id, hash, symmetricBits);
  const unique = new Uint8Array(common.range === 'low' ? keyBits / 8 : 0);
  return {
    id,
    ...indicesOf(common.range, certificateIndex),
    publicArea: { type: 'RSA', ...common.area, keyBits, exponent: 0, unique },
    persistentHandle,
  };
}

function ecc(
  id: EkTemplate['id'],
  curve: CurveName,
  hash: HashName,
  symmetricBits: 128 | 256,
  certificateIndex: number,
  persistentHandle: number,
): EkTemplate {
  const common = commonOf(id, hash, symmetricBits);
  const zeros = new Uint8Array(common.range === 'low' ? 32 : 0);
  return {
    id,
    ...indicesOf(common.range, certificateIndex),
    publicArea: { type: 'ECC', ...common.area, curve, unique: { x: zeros, y: zeros } },
    persistentHandle,
  };
}

/** NV indices of a template follow that of its certificate. */
function indicesOf(
  range: 'low' | 'high',
  certificateIndex: number,
): Pick<EkTemplate, 'range' | 'certificateIndex' | 'templateIndex' | 'nonceIndex'> {
  return range === 'low'
    ? {
        range,
        certificateIndex,
        nonceIndex: certificateIndex + 1,
        templateIndex: certificateIndex + 2,
      }
    : { range, certificateIndex, templateIndex: certificateIndex + 1 };
}

function commonOf(
  id: EkTemplate['id'],
  hash: HashName,
  keyBits: 128 | 256,
): {
  readonly range: 'low' | 'high';
  readonly area: Omit<TpmtRsaPublic, 'type' | 'keyBits' | 'exponent' | 'unique'>;
} {
  const range = id.startsWith('L') ? 'low' : 'high';
  const { policyA, policyB } = ekPolicy(hash);
  return {
    range,
    area: {
      nameAlg: hash,
      attributes: range === 'low' ? LOW_ATTRIBUTES : HIGH_ATTRIBUTES,
      authPolicy: range === 'low' ? policyA : policyB,
      symmetric: { algorithm: 'AES', keyBits, mode: 'CFB' },
    },
  };
}
