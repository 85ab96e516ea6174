import { equalBytes } from '@cmc/bytes';
import type { Authorization, CommandOptions } from './command/entity.ts';
import { hierarchyEntity } from './command/hierarchy.ts';
import type { TpmObject } from './command/objects.ts';
import type { Session } from './command/session.ts';
import type { Tpm } from './command/tpm.ts';
import type { Credential } from './crypto/make-credential.ts';
import { type EkTemplate, ekPolicy } from './ek-templates.ts';
import { isTpmResponse } from './errors.ts';
import { decodeTpmtPublic, type TpmtPublic } from './structures/public-area.ts';

/** The password of the endorsement hierarchy, where it has one. */
export interface EndorsementOptions extends CommandOptions {
  readonly endorsementPassword?: Uint8Array;
}

export interface ActivateOptions extends EndorsementOptions {
  /** Authorisation of the key that the credential is for. */
  readonly keyAuth?: Authorization;
}

/** Some TPMs of 2014 to 2016 put a header in front: tag, type, and the length of the certificate. */
const LEGACY_HEADER = [0x10, 0x01, 0x00];
const SEQUENCE = 0x30;

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
  options: EndorsementOptions = {},
): Promise<Session> {
  const { nameAlg, authPolicy } = ek.public;
  const { policyA, policyB, policyC } = ekPolicy(nameAlg);
  const isHigh = equalBytes(authPolicy, policyB);
  if (!isHigh && !equalBytes(authPolicy, policyA)) {
    throw new TypeError('the endorsement key has no policy of the EK Credential Profile');
  }
  const { endorsementPassword: password, ...waiting } = options;
  const session = await tpm.startSession({ ...waiting, type: 'policy', hash: nameAlg });
  try {
    await session.policySecret(hierarchyEntity('endorsement'), {
      ...waiting,
      ...(password === undefined ? {} : { password }),
    });
    if (isHigh) await session.policyOr([policyA, policyC], waiting);
    return session;
  } catch (error) {
    await session.flush();
    throw error;
  }
}

/** Opens a credential that was made for `key` and the endorsement key, whose policy is met for it. */
export async function activateCredential(
  tpm: Tpm,
  key: TpmObject,
  ek: TpmObject,
  credential: Credential,
  options: ActivateOptions = {},
): Promise<Uint8Array> {
  const { keyAuth, ...rest } = options;
  const session = await startEkSession(tpm, ek, rest);
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
