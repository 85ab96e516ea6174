/** Containers within containers, in JSON and CBOR; tags count as containers. */
export const MAX_DEPTH = 32;
/** Elements of one array, members of one object or map. */
export const MAX_CONTAINER_ITEMS = 131_072;
/** Elements and members in one message; bounds the memory that a small message can claim. */
export const DEFAULT_MAX_ITEMS = 2_097_152;
/** Size of one message. */
export const DEFAULT_MAX_BYTES = 67_108_864;

/** Limits and strictness of decoding. */
export interface DecodeOptions {
  /** Refuse longer input with `ERR_DECODE_LIMIT`. Default {@link DEFAULT_MAX_BYTES}. */
  readonly maxBytes?: number;
  /** Refuse input with more elements and members. Default {@link DEFAULT_MAX_ITEMS}. */
  readonly maxItems?: number;
  /**
   * CBOR: require the one canonical encoding (shortest heads, definite lengths, sorted keys, no
   * tags). `false` tolerates peers that encode otherwise; duplicate keys are refused even then.
   * Default `true`.
   */
  readonly canonical?: boolean;
}
