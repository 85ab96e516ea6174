import { CmcError } from '@cmc/bytes';
import {
  type CborMetadata,
  cborMetadataSchema,
  decodeStruct,
  metadataSchema,
} from '../codec/index.ts';
import { LruCache } from '../crypto/index.ts';
import { ErrorCode } from '../error-codes.ts';
import { extractPayload, type SignedItem, type VerifiedItem, verifySigned } from '../sign/index.ts';
import type { Metadata } from '../types/metadata.ts';
import type { SignatureResult } from '../types/result.ts';
import { type Certificate, fingerprint } from '../x509/index.ts';
import { IMAGE_DESCRIPTION, MANIFEST } from './metadata-types.ts';

/** Who may sign metadata. */
export interface MetadataTrust {
  readonly roots: readonly Certificate[];
  /** How many signers each item must have. */
  readonly minimumSigners?: number;
}

/** One signed item, its signatures checked; whether it is valid at some time is not. */
export interface MetadataItem {
  /** What it says; display only unless {@link MetadataItem.faults} is empty. */
  readonly metadata: Metadata;
  readonly signatures: readonly SignatureResult[];
  /** Why it is not to be trusted: empty when it is. */
  readonly faults: readonly Fault[];
}

export interface Fault {
  readonly code: ErrorCode | undefined;
  readonly details?: string;
}

const MAX_CACHED_ITEMS = 512;
/** Larger items are verified anew each time; bounds the memory of the cache to 32 MiB. */
const MAX_CACHED_BYTES = 65_536;
const NO_METADATA: Metadata = Object.freeze({ type: '' });

interface CachedSignatures {
  readonly signed: VerifiedItem;
  /** Period in which all certificates of all chains are valid, milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

// Only what verified, keyed by everything the answer depends on but the time. What an item says is
// read anew each time: results belong to the callers, who may change them.
const cache = new LruCache<string, CachedSignatures>(MAX_CACHED_ITEMS);

/**
 * Verifies the signatures of one metadata item and reads it. `digest` must be a collision-resistant
 * hash of `bytes`, with the name of its algorithm.
 */
export async function verifyMetadataItem(
  bytes: Uint8Array,
  options: { readonly digest: string; readonly trust: MetadataTrust; readonly now: Date },
): Promise<MetadataItem> {
  const { digest, trust, now } = options;
  const key = [digest, trust.minimumSigners ?? 1, ...trust.roots.map(fingerprint)].join();
  const cached = cache.get(key);
  const known = cached !== undefined && cached.notBefore <= +now && +now <= cached.notAfter;
  const signed = known ? cached.signed : await verifySignatures(bytes, trust, now);
  if (!known && signed.ok && bytes.length <= MAX_CACHED_BYTES) {
    cache.set(key, { signed, ...certificatePeriod(signed.signatures) });
  }
  const { metadata, faults } = readContent(bytes, signed);
  return {
    metadata,
    signatures: signed.signatures,
    faults: [...signatureFaults(signed), ...faults],
  };
}

function verifySignatures(
  bytes: Uint8Array,
  { roots, minimumSigners }: MetadataTrust,
  now: Date,
): Promise<SignedItem> {
  return verifySigned(bytes, {
    trust: { roots },
    now,
    purpose: 'metadata',
    ...(minimumSigners === undefined ? {} : { minimumSigners }),
  });
}

function signatureFaults(signed: SignedItem): readonly Fault[] {
  if (signed.ok) return [];
  const [first, ...others] = signed.errorCodes;
  const details = signed.details === undefined ? {} : { details: signed.details };
  return [
    { code: first as ErrorCode | undefined, ...details },
    ...others.map((code) => ({ code: code as ErrorCode })),
  ];
}

/** What the item says, whoever signed it. */
function readContent(
  bytes: Uint8Array,
  signed: SignedItem,
): Pick<MetadataItem, 'metadata' | 'faults'> {
  let code: ErrorCode = ErrorCode.ExtractPayload;
  try {
    const { payload, serialization } = signed.ok ? signed : extractPayload(bytes);
    code = ErrorCode.ParseMetadata;
    const { value, serialization: got } =
      serialization === 'cbor'
        ? decodeStruct(cborMetadataSchema, payload)
        : decodeStruct(metadataSchema, payload);
    const metadata = withSharedMember(value);
    if (got === serialization) return { metadata, faults: [] };
    return {
      metadata,
      faults: [{ code, details: `expected a payload in ${serialization}, got ${got}` }],
    };
  } catch (error) {
    if (!(error instanceof CmcError)) throw error;
    return { metadata: NO_METADATA, faults: [{ code, details: error.message }] };
  }
}

/** With the member that its type has. Without its OMSP server, no CBOR manifest could be revoked. */
function withSharedMember({ serverOrLocation, ...metadata }: CborMetadata): Metadata {
  if (serverOrLocation === undefined) return metadata;
  if (metadata.type === MANIFEST) return { ...metadata, omspServer: serverOrLocation };
  if (metadata.type === IMAGE_DESCRIPTION) return { ...metadata, location: serverOrLocation };
  return metadata;
}

function certificatePeriod(
  signatures: readonly SignatureResult[],
): Pick<CachedSignatures, 'notBefore' | 'notAfter'> {
  const validities = signatures
    .flatMap(({ certs = [] }) => certs.flatMap((chain) => chain ?? []))
    .map(({ validity }) => validity);
  return {
    notBefore: Math.max(...validities.map(({ notBefore }) => parseGoTime(notBefore))),
    notAfter: Math.min(...validities.map(({ notAfter }) => parseGoTime(notAfter))),
  };
}

/** Milliseconds since 1970 of `2006-01-02 15:04:05 +0000 UTC`. */
function parseGoTime(text: string): number {
  return Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`);
}
