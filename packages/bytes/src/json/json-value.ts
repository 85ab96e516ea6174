/**
 * Any JSON value with null-prototype objects. Integers that fit 64 bits but not `number` are
 * `bigint` (a resource limit of 2^64 - 1 is common in OCI specifications).
 */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };
