import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { ByteWriter, concatBytes, encodeUtf8 } from '@cmc/bytes';
import { keyTemplate } from '../../src/index.ts';
import {
  encodeTpmlPcrSelection,
  encodeTpmtPublic,
  encodeTpmtSignature,
  type HashName,
  hashSize,
  spkiToPublicArea,
  type TpmlPcrSelection,
} from '../../src/verify/index.ts';

/** An attestation key of the test's own: it signs what no TPM would. */
export interface ForgedKey {
  readonly privateKey: KeyObject;
  readonly publicArea: Uint8Array;
}

export interface QuoteFields {
  readonly magic?: number;
  readonly type?: number;
  readonly nonce?: Uint8Array;
  readonly selection?: TpmlPcrSelection;
  /** In place of the selection. */
  readonly rawSelection?: Uint8Array;
  readonly pcrDigest?: Uint8Array;
  readonly trailing?: Uint8Array;
}

export const NONCE = encodeUtf8('a nonce of a verifier');
export const SELECTION: TpmlPcrSelection = [{ bank: 'SHA-256', pcrs: [0, 7] }];
export const VALUES = new Map([
  [
    'SHA-256' as const,
    new Map([
      [0, new Uint8Array(32).fill(1)],
      [7, new Uint8Array(32).fill(2)],
    ]),
  ],
]);

export function forgeKey(): ForgedKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const template = keyTemplate({
    key: 'P-256',
    restricted: true,
    scheme: { scheme: 'ECDSA', hash: 'SHA-256' },
  });
  return {
    privateKey: createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    publicArea: encodeTpmtPublic(spkiToPublicArea(spki, template)),
  };
}

export function encodeQuote(fields: QuoteFields = {}): Uint8Array {
  const values = [...(VALUES.get('SHA-256') ?? [])].map(([, value]) => value);
  const digest = createHash('sha256')
    .update(concatBytes(...values))
    .digest();
  return new ByteWriter()
    .u32(fields.magic ?? 0xff544347)
    .u16(fields.type ?? 0x8018)
    .sized16(concatBytes(Uint8Array.of(0x00, 0x0b), new Uint8Array(32)))
    .sized16(fields.nonce ?? NONCE)
    .u64(1n)
    .u32(2)
    .u32(3)
    .u8(1)
    .u64(4n)
    .bytes(fields.rawSelection ?? encodeTpmlPcrSelection(fields.selection ?? SELECTION))
    .sized16(fields.pcrDigest ?? new Uint8Array(digest))
    .bytes(fields.trailing ?? new Uint8Array())
    .finish();
}

/** TPMT_SIGNATURE of an attestation by a forged key. */
export function signAttest(
  key: ForgedKey,
  attest: Uint8Array,
  hash: HashName = 'SHA-256',
): Uint8Array {
  const name = hash.replace('-', '').toLowerCase();
  const both = sign(name, attest, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  const half = both.length / 2;
  return encodeTpmtSignature({
    scheme: 'ECDSA',
    hash,
    r: new Uint8Array(both.subarray(0, half)),
    s: new Uint8Array(both.subarray(half)),
  });
}

export function zeros(hash: HashName): Uint8Array {
  return new Uint8Array(hashSize(hash));
}
