import { isIP } from 'node:net';
import { ApiError } from './errors.ts';

/**
 * Accepts one member of a message: yields the value that may be used, or refuses it. `field` is its
 * full name for the error: `AttestationRequest.nonce`.
 *
 * @throws {ApiError} ERR_API_REQUEST
 */
export type Check<W, T = W> = (field: string, value: W) => T;

/** For members that may be absent; empty ones are absent too, as some encodings have no difference. */
export interface OptionalCheck<W, T = W> {
  readonly ifSet: Check<W, T>;
}

/** One check per member of `T`; `W` is what decoding gave. */
export type Checks<T, W> = {
  readonly [K in keyof T & keyof W]-?: undefined extends T[K]
    ? OptionalCheck<Exclude<W[K], undefined>, Exclude<T[K], undefined>>
    : Check<W[K], T[K]>;
};

type Sized = { readonly length: number } | undefined;

/** Runs `checks` over the members of `value`; members without a check are dropped. */
export function checkMembers<T, W>(checks: Checks<T, W>): Check<W, T> {
  const entries = Object.entries<Check<never, unknown> | OptionalCheck<never, unknown>>(checks);
  return (field, value) => {
    const members = value as Record<string, never>;
    const accepted: Record<string, unknown> = {};
    for (const [name, check] of entries) {
      const member = members[name];
      const path = `${field}.${name}`;
      if (typeof check === 'function') {
        accepted[name] = member === undefined ? refuse(path, 'missing') : check(path, member);
      } else if (((member as Sized)?.length ?? 0) > 0) {
        accepted[name] = check.ifSet(path, member as never);
      }
    }
    return accepted as T;
  };
}

function refuse(field: string, problem: string): never {
  throw new ApiError('ERR_API_REQUEST', `${field}: ${problem}`);
}

/** Accepts everything. */
export function anything<T>(_field: string, value: T): T {
  return value;
}

/** Byte string of `min` to `max` bytes. */
export function byteLength(min: number, max: number): Check<Uint8Array> {
  return (field, value) => {
    if (value.length < min || value.length > max) {
      refuse(field, `expected ${min} to ${max} bytes, got ${value.length}`);
    }
    return value;
  };
}

/** List of at most `max` entries. */
export function listOf<W, T>(max: number, check: Check<W, T>): Check<readonly W[], readonly T[]> {
  return (field, value) => {
    if (value.length > max) refuse(field, `expected at most ${max} entries, got ${value.length}`);
    return value.map((entry, index) => check(`${field}[${index}]`, entry));
  };
}

/** One of `allowed`, exactly as spelled there. */
export function oneOf<T extends string>(...allowed: readonly T[]): Check<string, T> {
  return (field, value) =>
    allowed.find((choice) => choice === value) ??
    refuse(field, `expected ${allowed.join(', ')}, got ${quoted(value)}`);
}

/** Text of at most `max` UTF-16 units without control characters. */
export function plainText(max: number): Check<string> {
  return (field, value) => {
    if (value.length > max) {
      refuse(field, `expected at most ${max} characters, got ${value.length}`);
    }
    if (/\p{Cc}/u.test(value)) refuse(field, 'control characters are not allowed');
    return value;
  };
}

/** Hex digest, lower case: SHA-1 to SHA-512. */
export const digest: Check<string> = matching(
  /^(?:[0-9a-f]{2}){20,64}$/,
  '40 to 128 lower-case hex digits',
);

/** Lower-case hex SHA-256 of the peer's certificate, or empty for a peer without one. */
export const peerId: Check<string> = matching(
  /^(?:[0-9a-f]{64})?$/,
  '64 lower-case hex digits or nothing',
);

/** UUID (RFC 9562, section 4), lower case. */
export const uuid: Check<string> = matching(
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  'a lower-case UUID',
);

/** Name of a hash that signs: `SHA-256` as Go spells it; `sha256` and the like become that. */
export const signatureHash: Check<string> = (field, value) => {
  const size = /^sha-?(256|384|512)$/i.exec(value)?.[1];
  if (size === undefined)
    refuse(field, `expected SHA-256, SHA-384 or SHA-512, got ${quoted(value)}`);
  return `SHA-${size}`;
};

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
/** DNS name (RFC 1123, section 2.1), with or without a wildcard in front. */
export const dnsName: Check<string> = matching(
  new RegExp(`^(?=.{1,253}$)(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`, 'i'),
  'a DNS name',
);

/** IPv4 or IPv6 address without a zone. */
export const ipAddress: Check<string> = (field, value) => {
  if (isIP(value) === 0 || value.includes('%')) {
    refuse(field, `expected an IP address, got ${quoted(value)}`);
  }
  return value;
};

function matching(pattern: RegExp, expected: string): Check<string> {
  return (field, value) => {
    if (!pattern.test(value)) refuse(field, `expected ${expected}, got ${quoted(value)}`);
    return value;
  };
}

const SHOWN_CHARACTERS = 80;

function quoted(value: string): string {
  const shown = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
  return JSON.stringify(shown);
}
