import type { HashName } from '@cmc/bytes/hash';

export type { HashName } from '@cmc/bytes/hash';
export { digest, digestSize as digestLength, nodeHashName } from '@cmc/bytes/hash';

/**
 * The algorithm that a name in any case, with or without dash, stands for (`sha256`, `SHA-256`),
 * or `undefined` when there is none. Does not judge whether the algorithm is good enough.
 */
export function parseHashName(text: string): HashName | undefined {
  const [, size] = /^sha-?(1|256|384|512)$/i.exec(text) ?? [];
  return size === undefined ? undefined : (`SHA-${size}` as HashName);
}
