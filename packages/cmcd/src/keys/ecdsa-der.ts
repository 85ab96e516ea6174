import { concatBytes } from '@cmc/bytes';

/** `Ecdsa-Sig-Value` (RFC 3279, section 2.2.3) of a signature `r || s`, as TLS and X.509 want it. */
export function ecdsaDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const body = concatBytes(
    derInteger(signature.subarray(0, half)),
    derInteger(signature.subarray(half)),
  );
  return concatBytes(header(0x30, body.length), body);
}

function derInteger(bigEndian: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bigEndian.length - 1 && bigEndian[start] === 0) start++;
  const digits = bigEndian.subarray(start);
  // A set top bit would make the number negative.
  const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return concatBytes(header(0x02, sign.length + digits.length), sign, digits);
}

/** Two halves of at most 66 octets (P-521): the length always fits two octets. */
function header(tag: number, length: number): Uint8Array {
  return length < 0x80 ? Uint8Array.of(tag, length) : Uint8Array.of(tag, 0x81, length);
}
