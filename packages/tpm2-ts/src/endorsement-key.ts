import { equalBytes } from '@cmc/bytes';
import type { Authorization, CommandOptions } from './command/entity.ts';
import { hierarchyEntity } from './command/hierarchy.ts';
import type { TpmObject } from './command/objects.ts';
import type { ParameterEncryption, Session } from './command/session.ts';
import type { Tpm } from './command/tpm.ts';
import type { Credential } from './crypto/make-credential.ts';
import { type EkTemplate, ekPolicy } from './ek-templates.ts';
import { isTpmResponse, TpmError } from './errors.ts';
import { decodeTpmtPublic, type TpmtPublic } from './structures/public-area.ts';

/** The password of the endorsement hierarchy, where it has one. */
export interface EndorsementOptions extends CommandOptions {
  readonly endorsementPassword?: Uint8Array;
}

export interface EkSessionOptions extends EndorsementOptions {
  /**
   * Encrypts parameters, under a salt for the endorsement key: whoever taps the bus reads nothing of
   * them. Default: nothing is encrypted.
   */
  readonly encryption?: ParameterEncryption;
}

export interface ActivateOptions extends EndorsementOptions {
  /** Authorisation of the key that the credential is for. */
  readonly keyAuth?: Authorization;
  /**
   * Called when the TPM refuses to start a session that encrypts, before the secret crosses the bus
   * in the clear; it may throw. Default: the refusal is thrown.
   */
  readonly onUnencrypted?: (refusal: TpmError) => void;
}

/** Some TPMs of 2014 to 2016 put a header in front: tag, type, and the length of the certificate. */
const LEGACY_HEADER = [0x10, 0x01, 0x00];
const SEQUENCE = 0x30;
/** What TPM2_StartAuthSession says of a cipher or key that it does not take (Part 3, section 11.1). */
const NO_ENCRYPTION: readonly string[] = [
  'ASYMMETRIC',
  'ATTRIBUTES',
  'KEY',
  'KEY_SIZE',
  'MODE',
  'SCHEME',
  'SYMMETRIC',
  'VALUE',
];

/**
 * The certificate (DER) of an endorsement key in the NV memory, or `undefined` where there is none.
 * What manufacturers put around it is taken away; whether it is valid is not looked at.
 */
export async function readEkCertificate(
  tpm: Tpm,
  template: EkTemplate,
  options: CommandOptions = {},
): Promise<Uint8Array | undefined> {
  const content = await readIfDefined(tpm, template.certificateIndex, options);
  return content === undefined ? undefined : trimCertificate(content);
}

/** The DER element at the front of an NV index, without header and padding. */
export function trimCertificate(content: Uint8Array): Uint8Array | undefined {
  const hasHeader = LEGACY_HEADER.every((byte, index) => content[index] === byte);
  const der = hasHeader ? content.subarray(LEGACY_HEADER.length + 2) : content;
  const length = ((der[2] ?? 0) << 8) | (der[3] ?? 0);
  const isLong = der[0] === SEQUENCE && der[1] === 0x82 && 4 + length <= der.length;
  return isLong ? der.slice(0, 4 + length) : undefined;
}

/**
 * The endorsement key of a template, loaded: the persistent one if the platform keeps it, else made
 * anew, which gives the same key. A template or nonce of the manufacturer in the NV memory is used.
 */
export async function openEndorsementKey(
  tpm: Tpm,
  template: EkTemplate,
  options: EndorsementOptions = {},
): Promise<TpmObject> {
  const persistent = await openIfThere(tpm, template, options);
  if (persistent !== undefined) return persistent;
  const password = options.endorsementPassword;
  return await tpm.createPrimary('endorsement', {
    ...options,
    template: await templateOf(tpm, template, options),
    ...(password === undefined ? {} : { auth: { password } }),
  });
}

/**
 * A session that meets the policy of an endorsement key: PolicySecret of the endorsement hierarchy,
 * for high-range templates then PolicyOR.
 * @throws {TypeError} the key has another policy
 */
export async function startEkSession(
  tpm: Tpm,
  ek: TpmObject,
  options: EkSessionOptions = {},
): Promise<Session> {
  const { endorsementPassword: password, encryption, ...waiting } = options;
  const { nameAlg } = ek.public;
  const isHigh = isHighRange(ek);
  const session = await tpm.startSession({
    ...waiting,
    type: 'policy',
    hash: nameAlg,
    ...(encryption === undefined ? {} : { encryption, saltKey: ek }),
  });
  try {
    await session.policySecret(hierarchyEntity('endorsement'), {
      ...waiting,
      ...(password === undefined ? {} : { password }),
    });
    const { policyA, policyC } = ekPolicy(nameAlg);
    if (isHigh) await session.policyOr([policyA, policyC], waiting);
    return session;
  } catch (error) {
    await session.flush();
    throw error;
  }
}

/**
 * Opens a credential that was made for `key` and the endorsement key, whose policy is met for it.
 * The secret crosses the bus encrypted, under a salt that only the endorsement key can read: that
 * `ek` is the key of the TPM's certificate is for the caller to know.
 */
export async function activateCredential(
  tpm: Tpm,
  key: TpmObject,
  ek: TpmObject,
  credential: Credential,
  options: ActivateOptions = {},
): Promise<Uint8Array> {
  const { keyAuth, onUnencrypted, ...rest } = options;
  const session = await startEncrypting(tpm, ek, rest, onUnencrypted);
  try {
    return await tpm.activateCredential(key, ek, credential, {
      ...rest,
      ...(keyAuth === undefined ? {} : { auth: keyAuth }),
      ekAuth: { session },
    });
  } finally {
    await session.flush();
  }
}

async function startEncrypting(
  tpm: Tpm,
  ek: TpmObject,
  options: EndorsementOptions,
  onUnencrypted: ActivateOptions['onUnencrypted'],
): Promise<Session> {
  try {
    return await startEkSession(tpm, ek, { ...options, encryption: cipherOf(ek) });
  } catch (error) {
    if (!isNoEncryption(error) || onUnencrypted === undefined) throw error;
    onUnencrypted(error);
    return await startEkSession(tpm, ek, options);
  }
}

function isNoEncryption(error: unknown): error is TpmError {
  return error instanceof TpmError && NO_ENCRYPTION.includes(error.response?.name ?? '');
}

/** The cipher of the key itself: a TPM that has the key has it. */
function cipherOf({ public: area }: TpmObject): ParameterEncryption {
  const is256 = area.type !== 'KEYEDHASH' && area.symmetric?.keyBits === 256;
  return is256 ? 'AES-256-CFB' : 'AES-128-CFB';
}

function isHighRange({ public: { nameAlg, authPolicy } }: TpmObject): boolean {
  const { policyA, policyB } = ekPolicy(nameAlg);
  if (equalBytes(authPolicy, policyB)) return true;
  if (equalBytes(authPolicy, policyA)) return false;
  throw new TypeError('the endorsement key has no policy of the EK Credential Profile');
}

async function openIfThere(
  tpm: Tpm,
  { persistentHandle, publicArea }: EkTemplate,
  options: CommandOptions,
): Promise<TpmObject | undefined> {
  try {
    const found = await tpm.openPersistent(persistentHandle, options);
    const area = found.public;
    const isOfTemplate =
      area.type === publicArea.type &&
      area.attributes === publicArea.attributes &&
      equalBytes(area.authPolicy, publicArea.authPolicy);
    return isOfTemplate ? found : undefined;
  } catch (error) {
    if (isTpmResponse(error, 'HANDLE')) return undefined;
    throw error;
  }
}

async function templateOf(
  tpm: Tpm,
  { publicArea, templateIndex, nonceIndex }: EkTemplate,
  options: CommandOptions,
): Promise<TpmtPublic> {
  const own = await readIfDefined(tpm, templateIndex, options);
  if (own !== undefined) return decodeTpmtPublic(own);
  const nonce =
    nonceIndex === undefined ? undefined : await readIfDefined(tpm, nonceIndex, options);
  if (nonce === undefined) return publicArea;
  return publicArea.type === 'RSA'
    ? { ...publicArea, unique: overlay(publicArea.unique, nonce) }
    : { ...publicArea, unique: { ...publicArea.unique, x: overlay(publicArea.unique.x, nonce) } };
}

/** `base` with `bytes` written over its beginning. */
function overlay(base: Uint8Array, bytes: Uint8Array): Uint8Array {
  const result = base.slice();
  result.set(bytes.subarray(0, base.length));
  return result;
}

async function readIfDefined(
  tpm: Tpm,
  index: number,
  options: CommandOptions,
): Promise<Uint8Array | undefined> {
  try {
    return await tpm.nv.read(index, options);
  } catch (error) {
    if (isTpmResponse(error, 'HANDLE')) return undefined;
    throw error;
  }
}
