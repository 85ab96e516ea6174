import { DecodeError } from '@cmc/bytes';
import { DerReader, Tag } from '../x509/index.ts';

/** OIDs of AMD's extensions in VCEK and VLEK certificates (AMD 57230). */
export const SnpOid = {
  structVersion: '1.3.6.1.4.1.3704.1.1',
  productName: '1.3.6.1.4.1.3704.1.2',
  bl: '1.3.6.1.4.1.3704.1.3.1',
  tee: '1.3.6.1.4.1.3704.1.3.2',
  snp: '1.3.6.1.4.1.3704.1.3.3',
  ucode: '1.3.6.1.4.1.3704.1.3.8',
  fmc: '1.3.6.1.4.1.3704.1.3.9',
  hwId: '1.3.6.1.4.1.3704.1.4',
  cspId: '1.3.6.1.4.1.3704.1.5',
} as const;

const MAX_SVN = 255;

/** Security version number of an extension: DER INTEGER, 0 to 255. @throws {DecodeError} */
export function decodeSvn(value: Uint8Array): number {
  const reader = new DerReader(value, 'svn');
  const svn = reader.smallInteger('svn', MAX_SVN);
  reader.end();
  return svn;
}

/** Generation of a product name without the stepping: `Milan` of `Milan-B0`. @throws {DecodeError} */
export function decodeProductName(value: Uint8Array): string {
  return decodeText(value, 'productName').replace(/-.*$/, '');
}

/** Name of the cloud provider that a VLEK is for. @throws {DecodeError} */
export function decodeCspId(value: Uint8Array): string {
  return decodeText(value, 'cspId');
}

/** Chip id: bare bytes, unlike the other extensions. @throws {DecodeError} another length */
export function decodeHwId(value: Uint8Array, length: number): Uint8Array {
  if (value.length === length) return value;
  throw new DecodeError('ERR_DECODE_VALUE', `expected ${length} bytes, got ${value.length}`, {
    path: ['hwId'],
    offset: 0,
  });
}

function decodeText(value: Uint8Array, name: string): string {
  const reader = new DerReader(value, name);
  const tag = reader.peek() === Tag.Utf8String ? Tag.Utf8String : Tag.Ia5String;
  const bytes = reader.read(tag, 'text');
  reader.end();
  if (bytes.length === 0 || bytes.some((byte) => byte < 0x20 || byte > 0x7e)) {
    reader.fail('ERR_DECODE_VALUE', 'expected printable ASCII');
  }
  return String.fromCharCode(...bytes);
}
