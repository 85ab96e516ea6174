import { ByteReader, DecodeError, type Endianness } from '@cmc/bytes';
import { KERNEL_HASHES, type Template } from './templates.ts';

const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const COLON = 0x3a;
const SHA1_BYTES = 20;
const MAX_ALGORITHM_NAME = 32;

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
  for (const { name, kind } of template.fields) {
    reader.field(name, () => {
      const isRaw = template.isLegacy && kind === 'sha1';
      const value = reader.bytes(isRaw ? SHA1_BYTES : reader.u32());
      checkField(value, 0, value.length, kind, template.isLegacy, reader.position);
      fields.set(name, value);
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
  kind: string,
  isLegacy: boolean,
  offset: number,
): void {
  const length = end - start;
  if (kind === 'digest') {
    if (length > 0) digestStart(bytes, start, end, offset);
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
function digestStart(bytes: Uint8Array, start: number, end: number, offset: number): number {
  const nul = bytes.indexOf(0, start);
  if (nul <= start + 1 || nul >= end || bytes[nul - 1] !== COLON) {
    return refuse('digest without an algorithm', offset);
  }
  if (nul - start > MAX_ALGORITHM_NAME) return refuse('algorithm name too long', offset);
  // The common case without making text of it.
  const isSha256 =
    nul === start + 7 &&
    bytes[start] === 0x73 &&
    bytes[start + 3] === 0x32 &&
    bytes[start + 4] === 0x35 &&
    bytes[start + 5] === 0x36 &&
    bytes[start + 1] === 0x68 &&
    bytes[start + 2] === 0x61;
  const size = isSha256
    ? 32
    : KERNEL_HASHES.get(
        latin1
          .decode(bytes.subarray(start, nul - 1))
          .split(':')
          .at(-1) ?? '',
      );
  const length = end - nul - 1;
  if (size !== undefined && length !== size) {
    return refuse(`digest of ${length} bytes, expected ${size}`, offset);
  }
  return nul + 1;
}

/** The digest field of an entry. @throws {DecodeError} */
export function fileDigest(fields: ReadonlyMap<string, Uint8Array>): FileDigest {
  const legacy = fields.get('d');
  if (legacy !== undefined) return { algorithm: 'sha1', value: legacy };
  const field = fields.get('d-ng') ?? fields.get('d-ngv2') ?? new Uint8Array(0);
  if (field.length === 0) return { algorithm: '', value: field };
  const start = digestStart(field, 0, field.length, 0);
  const names = latin1.decode(field.subarray(0, start - 2)).split(':');
  const [type, algorithm] = names.length > 1 ? names : [undefined, names[0]];
  return {
    ...(type === undefined ? {} : { type }),
    algorithm: algorithm ?? '',
    value: field.slice(start),
  };
}

/** The path of an entry, empty when its template has none. */
export function pathOf(fields: ReadonlyMap<string, Uint8Array>): string {
  const legacy = fields.get('n');
  return utf8.decode(legacy ?? fields.get('n-ng')?.subarray(0, -1) ?? new Uint8Array(0));
}

function refuse(message: string, offset: number): never {
  throw new DecodeError('ERR_DECODE_VALUE', message, { path: ['ima', 'field'], offset });
}
