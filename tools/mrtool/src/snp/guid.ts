import { fromHex, toHex } from '@cmc/bytes';

/** The 16 bytes of a GUID as UEFI writes them: the first three fields little endian. */
export function guidBytes(guid: string): Uint8Array {
  const [a = '', b = '', c = '', ...rest] = guid.split('-');
  const little = (field: string): Uint8Array => fromHex(field).reverse();
  return Uint8Array.of(...little(a), ...little(b), ...little(c), ...fromHex(rest.join('')));
}

export function guidText(bytes: Uint8Array): string {
  const part = (from: number, to: number): Uint8Array => bytes.slice(from, to);
  return [
    toHex(part(0, 4).reverse()),
    toHex(part(4, 6).reverse()),
    toHex(part(6, 8).reverse()),
    toHex(part(8, 10)),
    toHex(part(10, 16)),
  ].join('-');
}
