import { toHex } from '@cmc/bytes';

const GENERATOR = 65537;
const LAST_PRIME = 167;

/** For each odd prime, what powers of the generator leave as remainder. */
const REMAINDERS: readonly (readonly [bigint, ReadonlySet<bigint>])[] = Object.freeze(
  oddPrimes(LAST_PRIME).map((prime) => [BigInt(prime), powers(prime)] as const),
);

/**
 * Whether an RSA modulus has the fingerprint of keys made by the faulty library of Infineon (ROCA,
 * CVE-2017-15361): its primes, and with them the modulus, are powers of 65537 modulo many small
 * primes. Of good keys, fewer than one in 100 million has it.
 */
export function isRocaModulus(modulus: Uint8Array): boolean {
  if (modulus.length === 0) return false;
  const value = BigInt(`0x${toHex(modulus)}`);
  return REMAINDERS.every(([prime, remainders]) => remainders.has(value % prime));
}

function oddPrimes(last: number): readonly number[] {
  const primes: number[] = [];
  for (let n = 3; n <= last; n += 2) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return primes;
}

function powers(prime: number): ReadonlySet<bigint> {
  const remainders = new Set<bigint>();
  for (let power = 1; !remainders.has(BigInt(power)); power = (power * GENERATOR) % prime) {
    remainders.add(BigInt(power));
  }
  return remainders;
}
