import { DecodeError, type DecodeErrorCode, type Endianness, equalBytes } from '@cmc/bytes';
import { digest, digestSize, type HashName } from '@cmc/bytes/hash';
import { checkField, fileDigest, type ImaEntry, parseTemplateData, pathOf } from './entry.ts';
import { sha256Extend, sha256Words } from './sha256.ts';
import { LEGACY_NAME_BYTES, type Template, templateByName } from './templates.ts';
import { bytesOf, wordsOf } from './words.ts';

const MAX_ENTRY_BYTES = 4 * 1024 * 1024;
const MAX_TEMPLATE_NAME = 128;
const MAX_TEMPLATES = 64;
const LAST_PCR = 23;
const SHA1_BYTES = 20;

/** What a replay can be resumed from. */
export interface ImaState {
  /** Entries read. */
  readonly count: number;
  /** Bytes of the list read, always at the end of an entry. */
  readonly offset: number;
  readonly violations: number;
  /** Entries whose logged template digest is not that of their data. */
  readonly mismatches: number;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
}

export interface ImaReplayOptions {
  readonly bank: HashName;
  /** The kernel had no such hash and extended SHA-1 template digests, padded with zeros. */
  readonly paddedSha1?: boolean;
  /** Byte order of the machine that wrote the list. Default: `little`. */
  readonly endianness?: Endianness;
  /** Algorithm of the logged template digests. Default: `SHA-1`, whatever the bank is. */
  readonly templateDigest?: HashName;
  /** Compares logged template digests in other banks, too (they do not enter the replay there). */
  readonly checkTemplateDigests?: boolean;
  /** Goes on after these entries; the bytes pushed start at `resume.offset`. */
  readonly resume?: ImaState;
  /** Called for each entry. Without it no object is made per entry. */
  readonly onEntry?: (entry: ImaEntry) => void;
  /** Default: 4 MiB. */
  readonly maxEntryBytes?: number;
}

/** Replays a binary list as it arrives; memory does not grow with the list. */
export class ImaReplay {
  readonly #options: ImaReplayOptions;
  readonly #bank: HashName;
  readonly #little: boolean;
  readonly #loggedAs: HashName;
  readonly #loggedBytes: number;
  readonly #maxEntryBytes: number;
  readonly #templates = new Map<string, Template>();
  readonly #pcrs = new Map<number, Uint8Array>();
  /** PCR values of the SHA-256 bank, as words. */
  readonly #words = new Map<number, Int32Array>();
  readonly #digestWords = new Int32Array(8);
  #lastTemplate: { readonly bytes: Uint8Array; readonly template: Template } | undefined;
  #pending = new Uint8Array(0);
  #pendingLength = 0;
  /** Bytes that must be there before it is worth looking at the next entry again. */
  #needed = 1;
  #count: number;
  #offset: number;
  #violations: number;
  #mismatches: number;

  constructor(options: ImaReplayOptions) {
    const { resume } = options;
    this.#options = options;
    this.#bank = options.bank;
    this.#little = (options.endianness ?? 'little') === 'little';
    this.#loggedAs = options.templateDigest ?? 'SHA-1';
    this.#loggedBytes = digestSize(this.#loggedAs);
    this.#maxEntryBytes = options.maxEntryBytes ?? MAX_ENTRY_BYTES;
    this.#count = resume?.count ?? 0;
    this.#offset = resume?.offset ?? 0;
    this.#violations = resume?.violations ?? 0;
    this.#mismatches = resume?.mismatches ?? 0;
    for (const [pcr, value] of resume?.pcrs ?? []) {
      if (value.length !== digestSize(this.#bank)) {
        throw new RangeError(`saved PCR ${pcr} has ${value.length} bytes in bank ${this.#bank}`);
      }
      if (this.#usesWords()) this.#words.set(pcr, wordsOf(value));
      else this.#pcrs.set(pcr, value.slice());
    }
  }

  /** Takes the next bytes of the list. @throws {DecodeError} */
  push(chunk: Uint8Array): void {
    if (this.#pendingLength === 0) {
      this.#keep(chunk, this.#consume(chunk, chunk.length));
      return;
    }
    this.#append(chunk);
    if (this.#pendingLength < this.#needed) return;
    const used = this.#consume(this.#pending, this.#pendingLength);
    this.#pending.copyWithin(0, used, this.#pendingLength);
    this.#pendingLength -= used;
  }

  /** The result so far, at the end of the last whole entry. */
  state(): ImaState {
    const pcrs = new Map(this.#pcrs);
    for (const [pcr, words] of this.#words) pcrs.set(pcr, bytesOf(words));
    return {
      count: this.#count,
      offset: this.#offset,
      violations: this.#violations,
      mismatches: this.#mismatches,
      pcrs,
    };
  }

  /** The result of the whole list. @throws {DecodeError} the list ends within an entry */
  finish(): ImaState {
    if (this.#pendingLength > 0) {
      this.#fail(
        'ERR_DECODE_TRUNCATED',
        `the list ends ${this.#pendingLength} bytes into an entry`,
      );
    }
    return this.state();
  }

  #keep(chunk: Uint8Array, used: number): void {
    if (used < chunk.length) this.#append(chunk.subarray(used));
  }

  #append(bytes: Uint8Array): void {
    const length = this.#pendingLength + bytes.length;
    if (length > this.#pending.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#pending.length));
      grown.set(this.#pending.subarray(0, this.#pendingLength));
      this.#pending = grown;
    }
    this.#pending.set(bytes, this.#pendingLength);
    this.#pendingLength = length;
  }

  /** Reads all whole entries; tells how many bytes they had. */
  #consume(bytes: Uint8Array, end: number): number {
    let at = 0;
    for (;;) {
      const length = this.#entry(bytes, at, end);
      if (length === 0) return at;
      at += length;
      this.#offset += length;
      this.#count += 1;
    }
  }

  /** Length of the entry at `start`, 0 when it is not there as a whole. */
  #entry(bytes: Uint8Array, start: number, end: number): number {
    const digestAt = start + 4;
    const nameLengthAt = digestAt + this.#loggedBytes;
    const nameAt = nameLengthAt + 4;
    if (nameAt > end) return this.#need(nameAt - start);
    const pcr = this.#u32(bytes, start);
    if (pcr > LAST_PCR) this.#fail('ERR_DECODE_VALUE', `PCR ${pcr}, at most ${LAST_PCR}`);
    const nameLength = this.#u32(bytes, nameLengthAt);
    if (nameLength === 0 || nameLength > MAX_TEMPLATE_NAME) {
      this.#fail('ERR_DECODE_LIMIT', `template name of ${nameLength} bytes`);
    }
    const nameEnd = nameAt + nameLength;
    if (nameEnd > end) return this.#need(nameEnd - start);
    const template = this.#template(bytes, nameAt, nameEnd);
    const dataAt = template.isLegacy ? nameEnd : nameEnd + 4;
    // The first template tells the length of its name only, after the digest.
    const lengthAt = template.isLegacy ? nameEnd + SHA1_BYTES : nameEnd;
    if (lengthAt + 4 > end) return this.#need(lengthAt + 4 - start);
    const stated = this.#u32(bytes, lengthAt);
    if (stated > this.#maxEntryBytes) {
      this.#fail('ERR_DECODE_LIMIT', `${stated} bytes of data, at most ${this.#maxEntryBytes}`);
    }
    if (template.isLegacy && stated >= LEGACY_NAME_BYTES) {
      this.#fail('ERR_DECODE_LIMIT', `name of ${stated} bytes, less than ${LEGACY_NAME_BYTES}`);
    }
    const dataEnd = lengthAt + 4 + stated;
    if (dataEnd > end) return this.#need(dataEnd - start);
    this.#checkFields(template, bytes, dataAt, dataEnd);
    this.#extend(pcr, template, bytes, digestAt, dataAt, dataEnd);
    this.#needed = 1;
    return dataEnd - start;
  }

  #need(length: number): 0 {
    this.#needed = length;
    return 0;
  }

  #u32(bytes: Uint8Array, at: number): number {
    const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [
      number,
      number,
      number,
      number,
    ];
    return (
      (this.#little
        ? a | (b << 8) | (c << 16) | (d << 24)
        : (a << 24) | (b << 16) | (c << 8) | d) >>> 0
    );
  }

  #template(bytes: Uint8Array, start: number, end: number): Template {
    const last = this.#lastTemplate;
    if (last !== undefined && last.bytes.length === end - start) {
      let i = 0;
      while (i < last.bytes.length && last.bytes[i] === bytes[start + i]) i++;
      if (i === last.bytes.length) return last.template;
    }
    const nameBytes = bytes.slice(start, end);
    const name = String.fromCharCode(...nameBytes);
    const template = this.#templates.get(name) ?? templateByName(name);
    if (template === undefined) {
      return this.#fail('ERR_DECODE_VALUE', `unknown template ${JSON.stringify(name)}`);
    }
    if (this.#templates.size < MAX_TEMPLATES) this.#templates.set(name, template);
    this.#lastTemplate = { bytes: nameBytes, template };
    return template;
  }

  #checkFields(template: Template, bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    for (const field of template.fields) {
      const isRaw = template.isLegacy && field.kind === 'sha1';
      if (!isRaw && at + 4 > end) this.#fail('ERR_DECODE_TRUNCATED', 'template data is too short');
      const length = isRaw ? SHA1_BYTES : this.#u32(bytes, at);
      if (!isRaw) at += 4;
      if (length > end - at) this.#fail('ERR_DECODE_TRUNCATED', 'template data is too short');
      checkField(bytes, at, at + length, field, template.isLegacy, this.#offset);
      at += length;
    }
    if (at !== end) this.#fail('ERR_DECODE_TRAILING', 'template data is too long');
  }

  #extend(
    pcr: number,
    template: Template,
    bytes: Uint8Array,
    digestAt: number,
    dataAt: number,
    dataEnd: number,
  ): void {
    const loggedEnd = digestAt + this.#loggedBytes;
    let isViolation = true;
    for (let i = digestAt; i < loggedEnd && isViolation; i++) isViolation = bytes[i] === 0;
    if (isViolation) this.#violations += 1;
    if (this.#usesWords()) {
      this.#extendWords(pcr, template, bytes, dataAt, dataEnd, isViolation);
    } else {
      this.#extendBytes(pcr, template, bytes, dataAt, dataEnd, isViolation);
    }
    if (!isViolation && this.#comparesDigests()) {
      const computed = digest(this.#loggedAs, hashedData(template, bytes, dataAt, dataEnd));
      if (!equalBytes(computed, bytes.subarray(digestAt, loggedEnd))) this.#mismatches += 1;
    }
    const { onEntry } = this.#options;
    if (onEntry === undefined) return;
    const endianness = this.#little ? 'little' : 'big';
    const fields = parseTemplateData(template, bytes.slice(dataAt, dataEnd), endianness);
    onEntry({
      index: this.#count,
      pcr,
      template: template.name,
      templateDigest: bytes.slice(digestAt, loggedEnd),
      isViolation,
      path: pathOf(template, fields),
      digest: fileDigest(template, fields),
      fields,
    });
  }

  #extendWords(
    pcr: number,
    template: Template,
    bytes: Uint8Array,
    dataAt: number,
    dataEnd: number,
    isViolation: boolean,
  ): void {
    let value = this.#words.get(pcr);
    if (value === undefined) {
      value = wordsOf(firstValue(pcr, this.#bank));
      this.#words.set(pcr, value);
    }
    if (isViolation) {
      this.#digestWords.fill(-1);
    } else if (template.isLegacy) {
      const data = hashedData(template, bytes, dataAt, dataEnd);
      sha256Words(data, 0, data.length, this.#digestWords);
    } else {
      sha256Words(bytes, dataAt, dataEnd, this.#digestWords);
    }
    sha256Extend(value, this.#digestWords);
  }

  #extendBytes(
    pcr: number,
    template: Template,
    bytes: Uint8Array,
    dataAt: number,
    dataEnd: number,
    isViolation: boolean,
  ): void {
    const size = digestSize(this.#bank);
    const extended = new Uint8Array(2 * size);
    extended.set(this.#pcrs.get(pcr) ?? firstValue(pcr, this.#bank));
    if (isViolation) {
      extended.fill(0xff, size);
    } else {
      const algorithm = this.#options.paddedSha1 === true ? 'SHA-1' : this.#bank;
      extended.set(digest(algorithm, hashedData(template, bytes, dataAt, dataEnd)), size);
    }
    this.#pcrs.set(pcr, digest(this.#bank, extended));
  }

  #usesWords(): boolean {
    return this.#bank === 'SHA-256' && this.#options.paddedSha1 !== true;
  }

  #comparesDigests(): boolean {
    const { checkTemplateDigests, paddedSha1 } = this.#options;
    return checkTemplateDigests === true || paddedSha1 === true || this.#bank === this.#loggedAs;
  }

  #fail(code: DecodeErrorCode, message: string): never {
    throw new DecodeError(code, message, {
      path: ['ima', `entries[${this.#count}]`],
      offset: this.#offset,
    });
  }
}

/** What the template digest is taken over. */
function hashedData(template: Template, bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (!template.isLegacy) return bytes.subarray(start, end);
  const padded = new Uint8Array(SHA1_BYTES + LEGACY_NAME_BYTES);
  padded.set(bytes.subarray(start, start + SHA1_BYTES));
  padded.set(bytes.subarray(start + SHA1_BYTES + 4, end), SHA1_BYTES);
  return padded;
}

/** PCR 17-22 are ones until a dynamic launch. */
function firstValue(pcr: number, bank: HashName): Uint8Array {
  return new Uint8Array(digestSize(bank)).fill(pcr >= 17 && pcr <= 22 ? 0xff : 0);
}
