import { DecodeError } from '@cmc/bytes';
import { decodePublicKeyInfo } from '../crypto/index.ts';
import { ErrorCode } from '../error-codes.ts';
import type { ChainPurpose } from '../x509/index.ts';
import { type CheckedSignature, checkSignature, type SignatureTrust } from './check-signature.ts';
import { decodeSigned, signedSerialization } from './decode-signed.ts';
import { judgeSignatures } from './judge-signatures.ts';
import type { RefusedItem, SignedItem } from './signed-item.ts';
import type { SignedMessage } from './signed-message.ts';

/** How to verify a signed item. */
export interface VerifySignedOptions {
  readonly trust: SignatureTrust;
  readonly now: Date;
  /** What the signers' certificates must be for. Default: `metadata`. */
  readonly purpose?: ChainPurpose;
  /** How many different keys must have signed. Default: 1. */
  readonly minimumSigners?: number;
}

/** So many signers of one item who are not trusted are looked at; the rest is not. */
export const MAX_UNTRUSTED_SIGNERS = 2;

const NOT_LOOKED_AT: CheckedSignature = Object.freeze({
  trusted: false,
  result: {
    signatureVerification: { status: '' },
    certChainValidation: {
      status: 'fail',
      errorCodes: [ErrorCode.VerifyCertChain],
      details: 'not looked at: too many others are not trusted',
    },
  },
});

/**
 * Verdict on a JWS (RFC 7515) or COSE_Sign (RFC 9052) item: all of its signatures must verify, by
 * accepted algorithms, with trusted keys. No header can bring in another key, algorithm or rule.
 * Whatever the bytes are, the answer is a result.
 * @throws {RangeError} `minimumSigners` is not a positive integer
 */
export async function verifySigned(
  bytes: Uint8Array,
  options: VerifySignedOptions,
): Promise<SignedItem> {
  const { trust, now, purpose = 'metadata', minimumSigners = 1 } = options;
  if (!Number.isInteger(minimumSigners) || minimumSigners < 1) {
    throw new RangeError(`minimumSigners: expected a positive integer, got ${minimumSigners}`);
  }
  const message = unusableTrust(trust) ?? tryDecode(bytes);
  if ('ok' in message) return message;
  const untrusted = message.serialization === 'json' ? 'left out' : 'shown';
  const checked: CheckedSignature[] = [];
  let strangers = 0;
  for (const signature of message.signatures) {
    // The item is refused already. Anybody can make chains that take long to find to be untrusted.
    if (strangers === MAX_UNTRUSTED_SIGNERS) {
      checked.push(NOT_LOOKED_AT);
      continue;
    }
    const one = await checkSignature(signature, { trust, now, purpose, untrusted });
    if (!one.trusted) strangers++;
    checked.push(one);
  }
  return judgeSignatures(message, checked, minimumSigners);
}

function unusableTrust(trust: SignatureTrust): RefusedItem | undefined {
  if ('roots' in trust) {
    if (trust.roots.length > 0) return undefined;
    return refused(ErrorCode.SetupSystemCA, 'no trusted certificates are given');
  }
  try {
    decodePublicKeyInfo(trust.publicKey);
    return undefined;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return refused(ErrorCode.ParseKey, error.message);
  }
}

function tryDecode(bytes: Uint8Array): SignedMessage | RefusedItem {
  try {
    return decodeSigned(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const serialization = signedSerialization(bytes);
    if (serialization === undefined) {
      return refused(ErrorCode.UnknownSerialization, error.message);
    }
    const code = serialization === 'json' ? ErrorCode.ParseJSON : ErrorCode.ParseCBOR;
    return { ...refused(code, error.message), serialization };
  }
}

function refused(code: ErrorCode, details: string): RefusedItem {
  return { ok: false, signatures: [], errorCodes: [code], details };
}
