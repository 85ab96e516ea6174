import { concatBytes } from '@cmc/bytes';
import { guidBytes } from '../../src/snp/guid.ts';

const IMAGE_BYTES = 0x3000;

/** Sections of guest memory: address, bytes, type. */
export const SECTIONS: readonly (readonly [number, number, number])[] = [
  [0x800000, 0x2000, 1],
  [0x80d000, 0x1000, 2],
  [0x80e000, 0x1000, 3],
  [0x80f000, 0x1000, 4],
  [0x810000, 0x1000, 0x10],
];

export interface SyntheticFirmwareOptions {
  readonly sections?: readonly (readonly [number, number, number])[];
  readonly withoutEntry?: 'reset' | 'hashes' | 'metadata';
  readonly hashesAddress?: number;
}

/** A firmware image with what a launch looks at, and a pattern everywhere else. */
export function syntheticFirmware(options: SyntheticFirmwareOptions = {}): Uint8Array {
  const { sections = SECTIONS, withoutEntry, hashesAddress = 0x810400 } = options;
  const image = Uint8Array.from({ length: IMAGE_BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  const metadataOffset = 0x800;
  const metadata = concatBytes(
    new TextEncoder().encode('ASEV'),
    u32(16 + 12 * sections.length),
    u32(1),
    u32(sections.length),
    ...sections.flatMap((section) => section.map(u32)),
  );
  image.set(metadata, IMAGE_BYTES - metadataOffset);
  const entries = [
    ...(withoutEntry === 'metadata'
      ? []
      : [entry('dc886566-984a-4798-a75e-5585a7bf67cc', u32(metadataOffset))]),
    ...(withoutEntry === 'hashes'
      ? []
      : [entry('7255371f-3a3b-4b04-927b-1da6efa8d454', u32(hashesAddress), u32(0x400))]),
    ...(withoutEntry === 'reset'
      ? []
      : [entry('00f771de-1a7e-4fcb-890e-68c77e2fb44e', u32(0x80b004))]),
  ];
  const body = concatBytes(...entries);
  const footer = entryOf('96b582de-1fb2-45f7-baea-a366c55a082d', body.length + 18);
  const table = concatBytes(body, footer);
  image.set(table, IMAGE_BYTES - 32 - table.length);
  return image;
}

function entry(guid: string, ...data: readonly Uint8Array[]): Uint8Array {
  const bytes = concatBytes(...data);
  return concatBytes(bytes, entryOf(guid, bytes.length + 18));
}

/** What stands behind the data: the length of all, the GUID. */
function entryOf(guid: string, length: number): Uint8Array {
  return concatBytes(Uint8Array.of(length & 0xff, length >> 8), guidBytes(guid));
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
