import { concatBytes, encodeUtf8 } from '@cmc/bytes';
import { SoftwareDriverError } from '../errors.ts';

/** Kinds of entries (`typeflag` of POSIX ustar). */
export type TarEntryType = '0' | '1' | '2' | '3' | '4' | '5' | '6';

/** What an archive says about one entry. Times and the names of owners are left out. */
export interface TarEntry {
  readonly type: TarEntryType;
  /** Relative path, with a slash at the end for folders. */
  readonly name: Uint8Array;
  readonly linkName: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Value of the extended attribute `security.capability`. */
  readonly capability: Uint8Array | undefined;
}

export const TAR_BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const SLASH = 0x2f;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

/**
 * The headers of an entry, as Go's archive/tar writes them when asked for PAX (POSIX pax): a ustar
 * header where that holds everything, else an extended header in front of it.
 * @throws {SoftwareDriverError} ERR_ROOTFS_ENTRY
 */
export function encodeTarEntry(entry: TarEntry): Uint8Array {
  const { name, linkName, deviceMajor, deviceMinor } = entry;
  if (deviceMajor > MAX_OCTAL_7 || deviceMinor > MAX_OCTAL_7) {
    const numbers = `${deviceMajor}, ${deviceMinor}`;
    throw new SoftwareDriverError('ERR_ROOTFS_ENTRY', `no archive holds device ${numbers}`);
  }
  const records = extendedRecords(entry);
  const split = splitName(name);
  const isUstar = records.size === 0 || (records.size === 1 && split !== undefined);
  if (isUstar) return header(entry, split?.name ?? name, linkName, split?.prefix);
  const extended = concatBytes(...[...records].map(([key, value]) => record(key, value)));
  return concatBytes(
    extendedHeader(name, extended.length),
    extended,
    tarPadding(extended.length),
    header(entry, asciiOnly(name), asciiOnly(linkName)),
  );
}

/** Zeros that fill the last block of a file of this size. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array((TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
}

/** What a ustar header has no place for, sorted by key; long paths even when they can be split. */
function extendedRecords(entry: TarEntry): ReadonlyMap<string, Uint8Array> {
  const { name, linkName, uid, gid, size, capability } = entry;
  const tooLong = (text: Uint8Array): boolean => text.length > NAME_BYTES || !isAscii(text);
  const decimal = (value: number): Uint8Array => encodeUtf8(String(value));
  const records = new Map<string, Uint8Array>();
  if (capability !== undefined) records.set('SCHILY.xattr.security.capability', capability);
  if (gid > MAX_OCTAL_7) records.set('gid', decimal(gid));
  if (tooLong(linkName)) records.set('linkpath', linkName);
  if (tooLong(name)) records.set('path', name);
  if (size > MAX_OCTAL_11) records.set('size', decimal(size));
  if (uid > MAX_OCTAL_7) records.set('uid', decimal(uid));
  return records;
}

/** `length key=value\n`, where the length counts its own digits, too. */
function record(key: string, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return concatBytes(encodeUtf8(`${length} ${key}=`), value, encodeUtf8('\n'));
}

/** A long name in two parts, where there is a slash at the right place. */
function splitName(
  name: Uint8Array,
): { readonly prefix: Uint8Array; readonly name: Uint8Array } | undefined {
  if (name.length <= NAME_BYTES || !isAscii(name)) return undefined;
  const end = name.at(-1) === SLASH ? name.length - 1 : name.length;
  const slash = name.subarray(0, Math.min(end, PREFIX_BYTES + 1)).lastIndexOf(SLASH);
  const rest = name.length - slash - 1;
  if (slash <= 0 || rest === 0 || rest > NAME_BYTES) return undefined;
  return { prefix: name.subarray(0, slash), name: name.subarray(slash + 1) };
}

function header(
  entry: TarEntry,
  name: Uint8Array,
  linkName: Uint8Array,
  prefix: Uint8Array = new Uint8Array(),
): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK_BYTES);
  putText(block, 0, name);
  putOctal(block, 100, 8, entry.mode);
  putOctal(block, 108, 8, entry.uid);
  putOctal(block, 116, 8, entry.gid);
  putOctal(block, 124, 12, entry.size);
  putOctal(block, 136, 12, 0);
  block[156] = entry.type.charCodeAt(0);
  putText(block, 157, linkName);
  putOctal(block, 329, 8, entry.deviceMajor);
  putOctal(block, 337, 8, entry.deviceMinor);
  block.set(prefix, 345);
  return seal(block);
}

function extendedHeader(name: Uint8Array, size: number): Uint8Array {
  const slash = name.lastIndexOf(SLASH);
  const path = concatBytes(
    name.subarray(0, slash + 1),
    encodeUtf8('PaxHeaders.0/'),
    name.subarray(slash + 1),
  );
  const block = new Uint8Array(TAR_BLOCK_BYTES);
  block.set(trimSlashes(asciiOnly(path).subarray(0, NAME_BYTES)));
  for (const [at, length] of [
    [100, 8],
    [108, 8],
    [116, 8],
    [136, 12],
  ] as const) {
    putOctal(block, at, length, 0);
  }
  putOctal(block, 124, 12, size);
  block[156] = 'x'.charCodeAt(0);
  return seal(block);
}

/** Adds magic, version and checksum. */
function seal(block: Uint8Array): Uint8Array {
  block.set(encodeUtf8('ustar\u000000'), 257);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  putOctal(block, 148, 7, sum);
  return block;
}

/** A name that is cut off must not end in a slash: some readers take that for a folder. */
function putText(block: Uint8Array, at: number, text: Uint8Array): void {
  const field = text.subarray(0, NAME_BYTES);
  block.set(text.length > NAME_BYTES ? trimSlashes(field) : field, at);
}

/** Digits and a NUL; zero when there are too many digits (an extended header has the number). */
function putOctal(block: Uint8Array, at: number, length: number, value: number): void {
  const digits = value.toString(8);
  const text = (digits.length < length ? digits : '0').padStart(length - 1, '0');
  block.set(encodeUtf8(`${text}\0`), at);
}

function trimSlashes(text: Uint8Array): Uint8Array {
  return text.subarray(0, text.findLastIndex((byte) => byte !== SLASH) + 1);
}

function isAscii(text: Uint8Array): boolean {
  return text.every((byte) => byte < 0x80);
}

function asciiOnly(text: Uint8Array): Uint8Array {
  return text.filter((byte) => byte < 0x80);
}
