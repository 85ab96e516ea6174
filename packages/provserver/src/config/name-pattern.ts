import { ipOctets, isDnsName, normalName } from '@cmc/est';

/** Allows every name, wildcards included. */
export const ANY_NAME = '*';
/** Stands for the name that a device has in its report. */
export const PROVER_NAME = '{prover}';
const MAX_NAME = 253;
const WILDCARD = /^\*\./;

/** Whether `text` says which names are allowed; see {@link isAllowedName}. */
export function isNamePattern(text: string): boolean {
  return text === ANY_NAME || text === PROVER_NAME || isDnsName(text) || isExactName(text);
}

/** Whether `text` is one name, and no pattern: a host, an IP address or plain words. */
export function isExactName(text: string): boolean {
  if (text === '' || text.length > MAX_NAME || WILDCARD.test(text)) return false;
  return /^[\p{L}\p{N} ._:@-]+$/u.test(text);
}

/**
 * Whether one of `patterns` allows `name`: the same name, `*.suffix` with one label in place of the
 * star, or `*`. Only `*` allows names that are wildcards themselves.
 */
export function isAllowedName(name: string, patterns: readonly string[]): boolean {
  const wanted = normalName(name);
  return patterns.some((pattern) => {
    if (pattern === ANY_NAME) return true;
    if (WILDCARD.test(wanted)) return false;
    const allowed = normalName(pattern);
    if (!WILDCARD.test(allowed)) return wanted === allowed;
    return ipOctets(wanted) === undefined && wanted.replace(/^[^.]+/, '*') === allowed;
  });
}
