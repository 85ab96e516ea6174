import * as asn1js from 'asn1js';

/*
 * The ASN.1 of certificates and requests, in the few forms that they need. A block is a node of a
 * tree that asn1js encodes.
 */

export type Asn1Block = asn1js.BaseBlock;

export function sequence(...value: Asn1Block[]): asn1js.Sequence {
  return new asn1js.Sequence({ value });
}

export function set(...value: Asn1Block[]): asn1js.Set {
  return new asn1js.Set({ value });
}

export function oid(value: string): asn1js.ObjectIdentifier {
  return new asn1js.ObjectIdentifier({ value });
}

export function utf8String(value: string): asn1js.Utf8String {
  return new asn1js.Utf8String({ value });
}

export function octetString(bytes: Uint8Array): asn1js.OctetString {
  return new asn1js.OctetString({ valueHex: copy(bytes) });
}

export function bitString(bytes: Uint8Array, unusedBits = 0): asn1js.BitString {
  return new asn1js.BitString({ valueHex: copy(bytes), unusedBits });
}

/** `[tag]` around other blocks. */
export function tagged(tagNumber: number, ...value: Asn1Block[]): asn1js.Constructed {
  return new asn1js.Constructed({ idBlock: { tagClass: CONTEXT, tagNumber }, value });
}

/** `[tag] IMPLICIT` of a string of bytes. */
export function taggedBytes(tagNumber: number, bytes: Uint8Array): asn1js.Primitive {
  return new asn1js.Primitive({
    idBlock: { tagClass: CONTEXT, tagNumber },
    valueHex: copy(bytes),
  });
}

/** UTCTime until 2049, GeneralizedTime afterwards: RFC 5280, section 4.1.2.5. */
export function time(valueDate: Date): Asn1Block {
  return valueDate.getUTCFullYear() < 2050
    ? new asn1js.UTCTime({ valueDate })
    : new asn1js.GeneralizedTime({ valueDate });
}

/** A structure that is encoded already, and checked. */
export function encodedBlock(bytes: Uint8Array): Asn1Block {
  return asn1js.fromBER(bytes).result;
}

export function encodeBlock(block: Asn1Block): Uint8Array {
  return new Uint8Array(block.toBER());
}

const CONTEXT = 3;

function copy(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
