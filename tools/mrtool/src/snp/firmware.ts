import { MrError } from '../errors.ts';
import { guidText } from './guid.ts';
import { PAGE_BYTES } from './launch-digest.ts';

/** Parts of guest memory that the firmware wants prepared (OVMF, OvmfSevMetadata). */
export type SectionType = 'sec-mem' | 'secrets' | 'cpuid' | 'svsm-caa' | 'kernel-hashes';

export interface FirmwareSection {
  readonly type: SectionType;
  readonly address: bigint;
  readonly bytes: number;
}

/** What the launch of a guest needs to know of its firmware. */
export interface Firmware {
  readonly image: Uint8Array;
  /** Where the image is in guest memory: it ends at 4 GiB. */
  readonly address: bigint;
  readonly sections: readonly FirmwareSection[];
  /** Where processors other than the first start. */
  readonly resetAddress: number;
  /** Where the table of the kernel's hashes goes; absent when the firmware checks none. */
  readonly hashesTableAddress?: number;
}

const FOUR_GIB = 0x1_0000_0000n;
const MAX_IMAGE_BYTES = 64 * 1024 * 1024;
const GUID_BYTES = 16;
const ENTRY_TAIL_BYTES = GUID_BYTES + 2;
/** The table of GUIDs ends so far before the end of the image: behind it is the reset vector. */
const TABLE_END_BYTES = 32;
const MAX_SECTIONS = 64;
const MAX_SECTION_BYTES = 16 * 1024 * 1024;
const GUID_FOOTER = '96b582de-1fb2-45f7-baea-a366c55a082d';
const GUID_METADATA = 'dc886566-984a-4798-a75e-5585a7bf67cc';
const GUID_RESET_BLOCK = '00f771de-1a7e-4fcb-890e-68c77e2fb44e';
const GUID_HASHES_TABLE = '7255371f-3a3b-4b04-927b-1da6efa8d454';
const METADATA_SIGNATURE = 'ASEV';
const METADATA_VERSION = 1;
const METADATA_HEADER_BYTES = 16;
const SECTION_BYTES = 12;
const SECTION_TYPES: ReadonlyMap<number, SectionType> = new Map([
  [1, 'sec-mem'],
  [2, 'secrets'],
  [3, 'cpuid'],
  [4, 'svsm-caa'],
  [0x10, 'kernel-hashes'],
]);

/** @throws {MrError} ERR_MR_FIRMWARE */
export function readFirmware(image: Uint8Array): Firmware {
  if (image.length === 0 || image.length % PAGE_BYTES !== 0 || image.length > MAX_IMAGE_BYTES) {
    throw wrong(`expected whole pages, at most ${MAX_IMAGE_BYTES} bytes, got ${image.length}`);
  }
  const entries = readTable(image);
  const resetBlock = entries.get(GUID_RESET_BLOCK);
  if (resetBlock === undefined) throw wrong('it has no reset block for further processors');
  const hashesTable = entries.get(GUID_HASHES_TABLE);
  const hashesTableAddress = hashesTable === undefined ? 0 : uint32(hashesTable, 'table of hashes');
  return {
    image,
    address: FOUR_GIB - BigInt(image.length),
    sections: readSections(image, entries),
    resetAddress: uint32(resetBlock, 'reset block'),
    // Builds that check no kernels have the entry, and zero in it.
    ...(hashesTableAddress === 0 ? {} : { hashesTableAddress }),
  };
}

/** Entries by GUID. They are read backwards: data, u16 length of the entry, GUID. */
function readTable(image: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const end = image.length - TABLE_END_BYTES;
  const footer = readTail(image, end);
  if (footer.guid !== GUID_FOOTER) {
    throw wrong(`it ends without a table of GUIDs (${GUID_FOOTER}): is it an OVMF code image?`);
  }
  const entries = new Map<string, Uint8Array>();
  const start = end - footer.length;
  if (start < 0) throw wrong('its table of GUIDs is longer than the image');
  for (let at = end - ENTRY_TAIL_BYTES; at >= start + ENTRY_TAIL_BYTES; ) {
    const { guid, length } = readTail(image, at);
    const from = at - length;
    if (length < ENTRY_TAIL_BYTES || from < start) throw wrong(`its entry ${guid} has no end`);
    entries.set(guid, image.subarray(from, at - ENTRY_TAIL_BYTES));
    at = from;
  }
  return entries;
}

function readTail(
  image: Uint8Array,
  end: number,
): { readonly guid: string; readonly length: number } {
  const from = end - ENTRY_TAIL_BYTES;
  if (from < 0) throw wrong('it is too short');
  return {
    guid: guidText(image.subarray(from + 2, end)),
    length: viewOf(image).getUint16(from, true),
  };
}

function readSections(
  image: Uint8Array,
  entries: ReadonlyMap<string, Uint8Array>,
): readonly FirmwareSection[] {
  const entry = entries.get(GUID_METADATA);
  if (entry === undefined) throw wrong('it has no SEV metadata: it was built without SEV-SNP');
  const at = image.length - uint32(entry, 'SEV metadata');
  if (at < 0 || at + METADATA_HEADER_BYTES > image.length) {
    throw wrong('its SEV metadata is not in the image');
  }
  const view = viewOf(image);
  const signature = String.fromCharCode(...image.subarray(at, at + 4));
  const version = view.getUint32(at + 8, true);
  const count = view.getUint32(at + 12, true);
  if (signature !== METADATA_SIGNATURE || version !== METADATA_VERSION) {
    throw wrong(`its SEV metadata has signature ${JSON.stringify(signature)}, version ${version}`);
  }
  if (count > MAX_SECTIONS) throw wrong(`${count} sections, at most ${MAX_SECTIONS} are accepted`);
  if (at + METADATA_HEADER_BYTES + count * SECTION_BYTES > image.length) {
    throw wrong('its SEV metadata has no end');
  }
  return Array.from({ length: count }, (_, index) =>
    readSection(view, at + METADATA_HEADER_BYTES + index * SECTION_BYTES),
  );
}

function readSection(view: DataView, at: number): FirmwareSection {
  const address = view.getUint32(at, true);
  const bytes = view.getUint32(at + 4, true);
  const code = view.getUint32(at + 8, true);
  const type = SECTION_TYPES.get(code);
  if (type === undefined) throw wrong(`its SEV metadata has a section of unknown type ${code}`);
  if (address % PAGE_BYTES !== 0 || bytes % PAGE_BYTES !== 0 || bytes > MAX_SECTION_BYTES) {
    throw wrong(`section ${type}: ${bytes} bytes at 0x${address.toString(16)}`);
  }
  return { type, address: BigInt(address), bytes };
}

function uint32(data: Uint8Array, name: string): number {
  if (data.length < 4) throw wrong(`its ${name} has ${data.length} bytes, expected 4 or more`);
  return viewOf(data).getUint32(0, true);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function wrong(problem: string): MrError {
  return new MrError('ERR_MR_FIRMWARE', `the firmware cannot be used: ${problem}`);
}
