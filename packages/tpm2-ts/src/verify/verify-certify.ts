import { equalBytes } from '@cmc/bytes';
import { digest } from '../algorithms.ts';
import type { TpmsCertifyAttest, TpmsCreationAttest } from '../structures/attest.ts';
import { decodeTpmsCreationData, type TpmsCreationData } from '../structures/creation-data.ts';
import { decodeTpmtPublic, objectName, type TpmtPublic } from '../structures/public-area.ts';
import {
  difference,
  missingAttributes,
  type ObjectAttribute,
  SHA1_NAME,
} from './attestation-key.ts';
import type { Check, Checks } from './checks.ts';
import { type SignedAttestOptions, verifySignedAttest } from './signed-attest.ts';

interface AttestedObjectOptions extends SignedAttestOptions {
  /** Expected qualifying data, exactly; empty where freshness comes from elsewhere. */
  readonly qualifyingData: Uint8Array;
  /** TPMT_PUBLIC of the object that is attested to. */
  readonly object: Uint8Array;
  /**
   * Attributes that the object must have. Default: those of a key that was made in this TPM and
   * never leaves it (`fixedTPM`, `fixedParent`, `sensitiveDataOrigin`).
   */
  readonly requiredAttributes?: readonly ObjectAttribute[];
}

export type VerifyCertifyOptions = AttestedObjectOptions;

export interface VerifyCreationOptions extends AttestedObjectOptions {
  /** TPMS_CREATION_DATA. */
  readonly creationData: Uint8Array;
  /** Name of the parent that the object must have been created under. Default: any. */
  readonly parentName?: Uint8Array;
}

/** Verdict on the certification of an object. */
export type CertifyVerification =
  | {
      readonly ok: true;
      readonly checks: readonly Check[];
      readonly attest: TpmsCertifyAttest;
      readonly object: TpmtPublic;
    }
  | { readonly ok: false; readonly checks: readonly Check[] };

/** Verdict on the certification of a creation. */
export type CreationVerification =
  | {
      readonly ok: true;
      readonly checks: readonly Check[];
      readonly attest: TpmsCreationAttest;
      readonly object: TpmtPublic;
      readonly creationData: TpmsCreationData;
    }
  | { readonly ok: false; readonly checks: readonly Check[] };

const NEVER_LEAVES: readonly ObjectAttribute[] = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin'];

/** Whether a TPM certified that it holds an object (TPM2_Certify). */
export async function verifyCertify(options: VerifyCertifyOptions): Promise<CertifyVerification> {
  const { checks, attest } = await verifySignedAttest('certify', options.qualifyingData, options);
  const object = checkObject(checks, options, attest?.name);
  return checks.ok && attest !== undefined && object !== undefined
    ? { ok: true, checks: checks.list, attest, object }
    : { ok: false, checks: checks.list };
}

/** Whether a TPM certified that it created an object (TPM2_CertifyCreation). */
export async function verifyCreation(
  options: VerifyCreationOptions,
): Promise<CreationVerification> {
  const { checks, attest } = await verifySignedAttest('creation', options.qualifyingData, options);
  const object = checkObject(checks, options, attest?.objectName);
  const creationData = checks.decode('creation-data', () =>
    decodeTpmsCreationData(options.creationData),
  );
  if (object !== undefined && attest !== undefined) {
    const computed = digest(object.nameAlg, options.creationData);
    const isSame = equalBytes(computed, attest.creationHash);
    checks.add(
      'creation-hash',
      isSame ? undefined : difference('creation data', attest.creationHash, computed),
    );
  }
  if (creationData !== undefined && options.parentName !== undefined) {
    const { parentName } = creationData;
    const isSame = equalBytes(parentName, options.parentName);
    checks.add(
      'creation-parent',
      isSame ? undefined : difference('parent', options.parentName, parentName),
    );
  }
  const isComplete = attest !== undefined && object !== undefined && creationData !== undefined;
  return checks.ok && isComplete
    ? { ok: true, checks: checks.list, attest, object, creationData }
    : { ok: false, checks: checks.list };
}

function checkObject(
  checks: Checks,
  { object, requiredAttributes = NEVER_LEAVES }: AttestedObjectOptions,
  attestedName: Uint8Array | undefined,
): TpmtPublic | undefined {
  const area = checks.decode('object', () => decodeTpmtPublic(object));
  if (area === undefined) return undefined;
  const name = objectName(object);
  if (attestedName !== undefined) {
    const isSame = equalBytes(name, attestedName);
    const weakness = area.nameAlg === 'SHA-1' ? SHA1_NAME : undefined;
    checks.add('object-name', isSame ? weakness : difference('name', attestedName, name));
  }
  checks.add('object-attributes', missingAttributes(area, requiredAttributes));
  return area;
}
