import { constants, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import type { AttestationResult, MeasurementResult } from '@cmc/attestationreport';
import { toBase64, toBase64url } from '@cmc/bytes';
import { packageVersion, UsageError } from '@cmc/host';
import type { Verdict } from './verdict.ts';

/** Profile of draft-ietf-rats-ear-04. */
const PROFILE = 'tag:ietf.org,2026:rats/ear#04';
const DEVELOPER = 'https://www.npmjs.com/package/@cmc/cmcctl';
const MIN_RSA_BITS = 2048;

/** Trustworthiness claims of AR4SI that are made here; what is absent is not claimed. */
interface TrustVector {
  'instance-identity'?: number;
  executables?: number;
  hardware?: number;
}
/** Values of draft-ietf-rats-ar4si, "Specific Claims". */
const NO_ASSERTION = 0;
const RECOGNIZED = 2;
const APPROVED_BOOT = 3;
const GENUINE_HARDWARE = 2;
const UNRECOGNIZED_EXECUTABLES = 33;
const UNRECOGNIZED = 97;
const CRYPTO_FAILED = 99;

/** Where the tiers of AR4SI begin. */
const WARNING = 32;
const CONTRAINDICATED = 96;

/** Evidence that hardware signs whose vendor certifies it. */
const HARDWARE = /^(SNP|TDX|SGX) /;
/** Evidence by a key that nothing vouches for. */
const SOFTWARE = /^SW /;

/** Makes signed EAT Attestation Results. @throws {UsageError} the key is none for ES256, ES384, PS256 */
export function createEarSigner(
  pem: Buffer,
): (verdict: Verdict, nonce: Uint8Array) => Promise<string> {
  const key = parseKey(pem);
  const { alg, hash } = algorithmOf(key);
  return async (verdict, nonce) => {
    if (verdict.result === undefined) throw new RangeError('an EAR needs a result');
    const head = encode({ alg, typ: 'eat+jwt' });
    const input = `${head}.${encode(earClaims(verdict.result, nonce, new Date()))}`;
    const signature = sign(hash, Buffer.from(input), {
      key,
      dsaEncoding: 'ieee-p1363',
      ...(alg === 'PS256' && {
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      }),
    });
    return `${input}.${toBase64url(signature)}`;
  };
}

/** The claims of an EAR for one result. */
export function earClaims(result: AttestationResult, nonce: Uint8Array, now: Date): object {
  const vector = trustVector(result.measurements ?? []);
  return {
    eat_profile: PROFILE,
    iat: Math.floor(now.getTime() / 1000),
    ear_verifier_id: {
      developer: DEVELOPER,
      build: `cmcctl ${packageVersion(new URL('..', import.meta.url).href)}`,
    },
    submods: {
      CMC: {
        ear_status: statusOf(result.summary.status, vector),
        ear_trustworthiness_vector: vector,
        // Padded base64: the draft gives 12 to 88 characters for 8 to 64 bytes.
        eat_nonce: toBase64(nonce),
      },
    },
  };
}

/** Never better than the worst claim; affirms only what hardware or a certified key stands behind. */
function statusOf(summary: string, vector: TrustVector): string {
  const worst = Math.max(0, ...Object.values(vector));
  const accepted = summary === 'success' || summary === 'warn';
  if (!accepted || worst >= CONTRAINDICATED) return 'contraindicated';
  if (summary === 'warn' || worst >= WARNING) return 'warning';
  return worst === 0 ? 'none' : 'affirming';
}

function trustVector(measurements: readonly MeasurementResult[]): TrustVector {
  // A vector must not be empty: these two aspects are looked at always.
  const vector: TrustVector = { 'instance-identity': NO_ASSERTION, executables: NO_ASSERTION };
  const claim = (name: keyof TrustVector, value: number): void => {
    // A worse finding for one evidence is not hidden by a better one for another.
    vector[name] = Math.max(vector[name] ?? 0, value);
  };
  for (const measurement of measurements) {
    const { type, summary, signature, artifacts = [] } = measurement;
    const isHardware = HARDWARE.test(type);
    if (signature.signatureVerification.status === 'fail') {
      claim('instance-identity', CRYPTO_FAILED);
      claim('executables', CRYPTO_FAILED);
      if (isHardware) claim('hardware', CRYPTO_FAILED);
      continue;
    }
    if (artifacts.some(({ success, launched }) => launched && !success)) {
      claim('executables', UNRECOGNIZED_EXECUTABLES);
    }
    if (SOFTWARE.test(type)) continue;
    if (signature.certChainValidation.status === 'fail') {
      claim('instance-identity', UNRECOGNIZED);
      if (isHardware) claim('hardware', UNRECOGNIZED);
      continue;
    }
    if (summary.status !== 'success' || signature.certChainValidation.status !== 'success')
      continue;
    claim('instance-identity', RECOGNIZED);
    if (isHardware) claim('hardware', GENUINE_HARDWARE);
    if (artifacts.some(({ success, launched }) => launched && success)) {
      claim('executables', APPROVED_BOOT);
    }
  }
  return vector;
}

function encode(value: object): string {
  return toBase64url(Buffer.from(JSON.stringify(value)));
}

function parseKey(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // OpenSSL's error may quote the key.
    throw new UsageError('earKey: expected an unencrypted private key in PEM');
  }
}

function algorithmOf(key: KeyObject): { readonly alg: string; readonly hash: string } {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return { alg: 'ES256', hash: 'sha256' };
  if (namedCurve === 'secp384r1') return { alg: 'ES384', hash: 'sha384' };
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) {
    return { alg: 'PS256', hash: 'sha256' };
  }
  throw new UsageError('earKey: expected a key on P-256 or P-384, or RSA with at least 2048 bits');
}
