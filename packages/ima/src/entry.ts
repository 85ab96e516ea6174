import { ByteReader, DecodeError, type Endianness } from '@cmc/bytes';
import { KERNEL_HASHES, type Template, type TemplateField } from './templates.ts';

const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const COLON = 0x3a;
const SHA1_BYTES = 20;
const SHA256_BYTES = 32;
const MAX_ALGORITHM_NAME = 32;
/** What the digest of a v2 template can be of. */
const DIGEST_TYPES: readonly string[] = ['ima', 'verity'];

export interface FileDigest {
  /** What was hashed: `ima`, or `verity` (fs-verity); only the v2 templates say so. */
  readonly type?: string;
  /** As the kernel writes it: `sha256`. */
  readonly algorithm: string;
  readonly value: Uint8Array;
}

/** One entry. Path, digest and signature are the prover's word until the replay is quoted. */
export interface ImaEntry {
  readonly index: number;
  readonly pcr: number;
  readonly template: string;
  /** As logged; zeros for a violation. */
  readonly templateDigest: Uint8Array;
  /** The kernel could not tell what was read: never to be trusted. */
  readonly isViolation: boolean;
  /** Advisory: the digest decides. */
  readonly path: string;
  readonly digest: FileDigest;
  /** Contents of all fields by name. */
  readonly fields: ReadonlyMap<string, Uint8Array>;
}

/** Contents of the fields of template data, each of its form. @throws {DecodeError} */
export function parseTemplateData(
  template: Template,
  data: Uint8Array,
  endianness: Endianness = 'little',
): ReadonlyMap<string, Uint8Array> {
  const reader = new ByteReader(data, template.name, endianness);
  const fields = new Map<string, Uint8Array>();
  for (const field of template.fields) {
    reader.field(field.name, () => {
      const isRaw = template.isLegacy && field.kind === 'sha1';
      const value = reader.bytes(isRaw ? SHA1_BYTES : reader.u32());
      checkField(value, 0, value.length, field, template.isLegacy, reader.position);
      fields.set(field.name, value);
    });
  }
  reader.end();
  return fields;
}

/** Refuses a field that is not of its form; nothing is copied. @throws {DecodeError} */
export function checkField(
  bytes: Uint8Array,
  start: number,
  end: number,
  { kind, isOptional }: TemplateField,
  isLegacy: boolean,
  offset: number,
): void {
  const length = end - start;
  if (isOptional && length === 0) return;
  if (kind === 'digest') {
    digestStart(bytes, start, end, false, offset);
  } else if (kind === 'typed-digest') {
    digestStart(bytes, start, end, true, offset);
  } else if (kind === 'text') {
    // The first template has no NUL; a NUL inside would hide the rest of a path.
    const nul = bytes.indexOf(0, start);
    const isEnded = isLegacy ? nul < 0 || nul >= end : nul === end - 1;
    if (length === 0 || !isEnded) refuse('text without its one NUL at the end', offset);
  } else if (kind === 'sha1' && length !== SHA1_BYTES) {
    refuse(`SHA-1 digest of ${length} bytes`, offset);
  } else if ((kind === 'uint16' && length !== 2) || (kind === 'uint32' && length !== 4)) {
    refuse(`${kind} of ${length} bytes`, offset);
  }
}

/** Where the digest starts in `[type:]alg:\0digest`, its length checked for known algorithms. */
function digestStart(
  bytes: Uint8Array,
  start: number,
  end: number,
  isTyped: boolean,
  offset: number,
): number {
  const nul = bytes.indexOf(0, start);
  if (nul <= start + 1 || nul >= end || bytes[nul - 1] !== COLON) {
    return refuse('digest without an algorithm', offset);
  }
  if (nul - start > MAX_ALGORITHM_NAME) return refuse('algorithm name too long', offset);
  const size =
    !isTyped && isSha256(bytes, start, nul)
      ? SHA256_BYTES
      : sizeByName(latin1.decode(bytes.subarray(start, nul - 1)), isTyped, offset);
  const length = end - nul - 1;
  if (size !== undefined && length !== size && !isNoDigest(bytes, nul + 1, end)) {
    return refuse(`digest of ${length} bytes, expected ${size}`, offset);
  }
  return nul + 1;
}

/** Some kernels of 2022 have 20 zeros for the digest of a violation, whatever the hash is. */
function isNoDigest(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== SHA1_BYTES) return false;
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** The common case, without making text of it. */
function isSha256(bytes: Uint8Array, start: number, nul: number): boolean {
  return (
    nul === start + 7 &&
    bytes[start] === 0x73 &&
    bytes[start + 3] === 0x32 &&
    bytes[start + 4] === 0x35 &&
    bytes[start + 5] === 0x36 &&
    bytes[start + 1] === 0x68 &&
    bytes[start + 2] === 0x61
  );
}

/** Digest length by what stands in front of it, `undefined` for an unknown algorithm. */
function sizeByName(text: string, isTyped: boolean, offset: number): number | undefined {
  const names = text.split(':');
  const algorithm = names.pop() ?? '';
  const isExpected = isTyped
    ? names.length === 1 && DIGEST_TYPES.includes(names[0] ?? '')
    : names.length === 0;
  if (!isExpected) return refuse(`digest of ${JSON.stringify(text)}`, offset);
  return KERNEL_HASHES.get(algorithm);
}

/** What was read, from the first field of an entry that `parseTemplateData` has checked. */
export function fileDigest(
  template: Template,
  fields: ReadonlyMap<string, Uint8Array>,
): FileDigest {
  const [{ name, kind } = { name: '', kind: '' }] = template.fields;
  const field = fields.get(name) ?? new Uint8Array(0);
  if (kind === 'sha1') return { algorithm: 'sha1', value: field };
  const nul = field.indexOf(0);
  const names = latin1.decode(field.subarray(0, nul - 1)).split(':');
  const algorithm = names.pop() ?? '';
  const [type] = names;
  return { ...(type === undefined ? {} : { type }), algorithm, value: field.slice(nul + 1) };
}

/** The path of an entry, empty when its template has none. */
export function pathOf(template: Template, fields: ReadonlyMap<string, Uint8Array>): string {
  const field = fields.get('n-ng') ?? fields.get('n') ?? new Uint8Array(0);
  return utf8.decode(template.isLegacy ? field : field.subarray(0, -1));
}

function refuse(message: string, offset: number): never {
  throw new DecodeError('ERR_DECODE_VALUE', message, { path: ['ima', 'field'], offset });
}
