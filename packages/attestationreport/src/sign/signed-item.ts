import type { SignatureResult } from '../types/result.ts';
import type { Serialization } from '../types/serialization.ts';

/** Verdict on the signatures of one item. */
export type SignedItem = VerifiedItem | RefusedItem;

/** All signatures verify. */
export interface VerifiedItem extends CheckedItem {
  readonly ok: true;
  /** What was signed. */
  readonly payload: Uint8Array;
  readonly serialization: Serialization;
}

/** At least one thing is wrong. What such an item says is available from `extractPayload` only. */
export interface RefusedItem extends CheckedItem {
  readonly ok: false;
  readonly payload?: undefined;
  /** Absent when the bytes are in neither encoding. */
  readonly serialization?: Serialization;
}

interface CheckedItem {
  /** One for each signature, in their order; empty when the item cannot be decoded. */
  readonly signatures: readonly SignatureResult[];
  /** What is wrong with the item as a whole (`error-codes.ts`); single signatures have their own. */
  readonly errorCodes: readonly number[];
  /** The first thing that is wrong. */
  readonly details?: string;
}
