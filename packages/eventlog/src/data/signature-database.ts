import { ByteReader } from '@cmc/bytes';
import { GUID_BYTES, guidText, orUndefined } from './fields.ts';
import type { SignatureDatabase, UefiCertificate, UefiHash } from './types.ts';

/** Parses a DER certificate for display; `undefined`, or a `DecodeError`, when it is none. */
export type CertificateReader<C> = (der: Uint8Array) => C | undefined;

const X509 = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072';
/** Types of lists of hashes: SHA-1, SHA-256, SHA-384. Reports have one name for all. */
const HASHES: readonly string[] = [
  '826ca512-cf10-4ac9-b187-be01496631bd',
  'c1c41626-504c-4092-aca9-41f936934328',
  'ff3e5307-9fd0-48c9-85f1-8ad56c701e01',
];
const LIST_HEADER_BYTES = 28;

/** EFI_SIGNATURE_LISTs (UEFI Specification, 32.4.1). @throws {DecodeError} */
export function readSignatureDatabase<C>(
  data: Uint8Array,
  readCertificate: CertificateReader<C> | undefined,
): SignatureDatabase<C>[] {
  const reader = new ByteReader(data, 'signatureDatabase', 'little');
  const lists: SignatureDatabase<C>[] = [];
  while (reader.remaining >= LIST_HEADER_BYTES) {
    const type = guidText(reader.bytes(GUID_BYTES));
    const listSize = reader.u32();
    const headerSize = reader.u32();
    const signatureSize = reader.u32();
    const room = listSize - LIST_HEADER_BYTES - headerSize;
    if (room < 0) reader.fail('ERR_DECODE_VALUE', `list size ${listSize}`);
    const signatureheader = reader.bytes(headerSize);
    const signatures = readSignatures(reader.bytes(room), signatureSize);
    const ueficertificates = type === X509 ? certificates(signatures, readCertificate) : [];
    const sha256hashes: UefiHash[] = HASHES.includes(type)
      ? signatures.map(({ owner, data: hash }) => ({ signatureownerguid: owner, hash }))
      : [];
    lists.push({
      efisignaturelistguid: type,
      ...(signatureheader.length === 0 ? {} : { signatureheader }),
      ...(ueficertificates.length === 0 ? {} : { ueficertificates }),
      ...(sha256hashes.length === 0 ? {} : { sha256hashes }),
    });
  }
  return lists;
}

interface Signature {
  readonly owner: string;
  readonly data: Uint8Array;
}

function readSignatures(bytes: Uint8Array, size: number): Signature[] {
  const reader = new ByteReader(bytes, 'signatures', 'little');
  if (size <= GUID_BYTES) reader.fail('ERR_DECODE_VALUE', `signature size ${size}`);
  const signatures: Signature[] = [];
  while (reader.remaining >= size) {
    const owner = guidText(reader.bytes(GUID_BYTES));
    signatures.push({ owner, data: reader.bytes(size - GUID_BYTES) });
  }
  reader.end();
  return signatures;
}

function certificates<C>(
  signatures: readonly Signature[],
  readCertificate: CertificateReader<C> | undefined,
): UefiCertificate<C>[] {
  const found: UefiCertificate<C>[] = [];
  for (const { owner, data } of signatures) {
    const certificate = orUndefined(() => readCertificate?.(data));
    if (certificate !== undefined) {
      found.push({ signatureownerguid: owner, certificates: certificate });
    }
  }
  return found;
}
