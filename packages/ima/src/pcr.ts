import { concatBytes } from '@cmc/bytes';
import { digest, digestSize, type HashName } from '@cmc/bytes/hash';
import { sha256Extend } from './sha256.ts';
import { bytesOf, copyWords, wordsOf } from './words.ts';

/** Follows a PCR through many extensions. */
export interface PcrReplay {
  /** `value := H(value || digest)`. @throws {RangeError} a digest that is not of the bank */
  extend(digest: Uint8Array): void;
  /** A copy. */
  value(): Uint8Array;
}

/** A PCR of a bank that has the value `start`. @throws {RangeError} a value that is not of the bank */
export function replayPcr(bank: HashName, start: Uint8Array): PcrReplay {
  checkSize(bank, start);
  return bank === 'SHA-256' ? inWords(start) : inBytes(bank, start);
}

function inWords(start: Uint8Array): PcrReplay {
  const value = wordsOf(start);
  const extended = new Int32Array(value.length);
  return {
    extend(digest) {
      checkSize('SHA-256', digest);
      copyWords(digest, extended);
      sha256Extend(value, extended);
    },
    value: () => bytesOf(value),
  };
}

function inBytes(bank: HashName, start: Uint8Array): PcrReplay {
  let value: Uint8Array = start.slice();
  return {
    extend(extended) {
      checkSize(bank, extended);
      value = digest(bank, concatBytes(value, extended));
    },
    value: () => value.slice(),
  };
}

function checkSize(bank: HashName, value: Uint8Array): void {
  if (value.length === digestSize(bank)) return;
  throw new RangeError(`${bank} value: expected ${digestSize(bank)} bytes, got ${value.length}`);
}
