import { toHex } from '@cmc/bytes';
import type { ECDSA } from '@noble/curves/abstract/weierstrass.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';

/** Curves by the hex form of their OIDs. */
const CURVES: ReadonlyMap<string, ECDSA> = new Map([
  ['2a8648ce3d030107', p256],
  ['2b81040022', p384],
  ['2b81040023', p521],
  // Outside the kernel, signed with it happens; whoever puts such a key into the ring wants it.
  ['2b8104000a', secp256k1],
]);
/** Of a table of multiples of a key's point: 0.3 to 1 MB. */
const TABLE_WINDOW = 6;
/** A table takes as long as some 16 verifications without one. */
const USES_BEFORE_TABLE = 16;

/** How many keys may still have a table. */
export interface TableBudget {
  left: number;
}

/**
 * A public key of a curve. WebCrypto and node:crypto hash what they verify; of a file there is only
 * the digest. So this is in JavaScript, and a key that is used often gets a table: a third of the time.
 */
export class EcKey {
  readonly type = 'ec';
  readonly #curve: ECDSA;
  readonly #point: InstanceType<ECDSA['Point']>;
  readonly #budget: TableBudget;
  #uses = 0;

  private constructor(curve: ECDSA, bytes: Uint8Array, budget: TableBudget) {
    this.#curve = curve;
    this.#point = curve.Point.fromBytes(bytes);
    this.#budget = budget;
  }

  /** `undefined` for another curve, and for what is no point of this one. */
  static create(curveOid: Uint8Array, bytes: Uint8Array, budget: TableBudget): EcKey | undefined {
    const curve = CURVES.get(toHex(curveOid));
    if (curve === undefined) return undefined;
    try {
      return new EcKey(curve, bytes, budget);
    } catch {
      // The library throws for what is no point.
      return undefined;
    }
  }

  /** Whether `signature` (DER) is one over `hash`, which is used as it is (FIPS 186-5, 6.4.2). */
  verify(hash: Uint8Array, signature: Uint8Array): boolean {
    this.#count();
    const { Point } = this.#curve;
    const { Fn, BASE } = Point;
    const numbers = this.#numbersOf(signature);
    if (numbers === undefined) return false;
    const { r, s } = numbers;
    const excess = Math.max(0, 8 * hash.length - Fn.BITS);
    const e = Fn.create(BigInt(`0x0${toHex(hash)}`) >> BigInt(excess));
    const inverse = Fn.inv(s);
    const [u, v] = [Fn.mul(e, inverse), Fn.mul(r, inverse)];
    const sum = BASE.multiplyUnsafe(u).add(this.#point.multiplyUnsafe(v));
    return !sum.is0() && Fn.create(sum.toAffine().x) === r;
  }

  /** Both from 1 to n-1. */
  #numbersOf(signature: Uint8Array): { readonly r: bigint; readonly s: bigint } | undefined {
    try {
      return this.#curve.Signature.fromBytes(signature, 'der');
    } catch {
      // The library throws for what is no signature.
      return undefined;
    }
  }

  #count(): void {
    this.#uses += 1;
    if (this.#uses !== USES_BEFORE_TABLE || this.#budget.left === 0) return;
    this.#budget.left -= 1;
    this.#point.precompute(TABLE_WINDOW);
  }
}
