import { concatBytes, encodeUtf8 } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { EventType } from '../src/index.ts';
import { BIG, END, GUID, GUID_BYTES, little, node, parsed, utf16 } from './event-data-support.ts';

const pathOf = (...nodes: readonly Uint8Array[]): unknown => {
  const head = little().u64(1n).u64(2n).u64(0n).u64(0n).finish();
  const data = concatBytes(head, ...nodes);
  const { imageloadevent } = parsed(EventType.EFI_BOOT_SERVICES_DRIVER, data) as {
    readonly imageloadevent: { readonly uefidevicepath?: unknown };
  };
  return imageloadevent.uefidevicepath;
};

const NODES: readonly (readonly [number, number, Uint8Array, object])[] = [
  [
    1,
    1,
    Uint8Array.of(2, 31),
    { type: 'Hardware Device Path', subtype: 'PCI Device Path', function: 2, device: 31 },
  ],
  [
    1,
    2,
    Uint8Array.of(9),
    { type: 'Hardware Device Path', subtype: 'PCCARD Device Path', functionnumber: 9 },
  ],
  [
    1,
    3,
    little().u32(11).u64(4096n).u64(BIG).finish(),
    {
      type: 'Hardware Device Path',
      subtype: 'Memory Mapped Device Path',
      memorytype: 11,
      startaddress: 4096,
      endaddress: `${BIG}n`,
    },
  ],
  [
    1,
    4,
    concatBytes(GUID_BYTES, Uint8Array.of(1, 2)),
    {
      type: 'Hardware Device Path',
      subtype: 'Vendor Device Path',
      vendorguid: GUID,
      vendordefineddata: '0102',
    },
  ],
  [
    2,
    2,
    concatBytes(little().u32(1).u32(2).u32(3).finish(), encodeUtf8('AB\0\0C\0')),
    { type: 'ACPI Device Path', pathname: 'ACPI_EXT(HIDSTR=AB,UID=0x00000002,CIDSTR=C)' },
  ],
  [
    3,
    10,
    GUID_BYTES,
    {
      type: 'messaging device path',
      subtype: 'vendor-defined messaging device path',
      vendorguid: GUID,
      vendordefineddata: '',
    },
  ],
  [3, 5, Uint8Array.of(1, 2), { type: 'messaging device path' }],
  [
    4,
    2,
    little().u32(1).u64(2n).u64(3n).finish(),
    {
      type: 'media device path',
      subtype: 'CD-ROM \u201cEl Torito\u201d Format',
      bootentry: 1,
      partitionstart: 2,
      partitionsize: 3,
    },
  ],
  [
    4,
    4,
    utf16('\\EFI\0\\x\0'),
    {
      type: 'media device path',
      subtype: 'file path media device path',
      pathname: '\\EFI\\x',
    },
  ],
  [4, 5, GUID_BYTES, { type: 'media device path', subtype: 'Media Protocol', protocolguid: GUID }],
  [
    4,
    6,
    Uint8Array.of(1, 2),
    { type: 'media device path', subtype: 'PIWG Firmware File', vendordefineddata: '0102' },
  ],
  [
    4,
    9,
    concatBytes(little().u64(1n).u64(2n).finish(), GUID_BYTES, Uint8Array.of(7, 0)),
    {
      type: 'media device path',
      subtype: 'RAM Disk Device Path',
      startingaddress: 1,
      endingaddress: 2,
      disktypeguid: GUID,
      diskinstance: 7,
    },
  ],
  [
    5,
    1,
    concatBytes(little().u16(2).u16(3).finish(), encodeUtf8('disk\0')),
    {
      type: 'BIOS Boot Specification Device Path.',
      subtype: 'BIOS Boot Specification Version 1.01',
      devicetype: 2,
      statusflag: 3,
      descriptionstring: 'disk\0',
    },
  ],
];

describe.each(NODES)('device path node %d/%d', (type, subtype, body, expected) => {
  test('has these fields, and ends the list when it is cut off', () => {
    const before = node(1, 2, Uint8Array.of(1));
    const good = [before, node(type, subtype, body), END, before];
    const first = { type: 'Hardware Device Path', subtype: 'PCCARD Device Path' };
    expect(pathOf(...good)).toEqual([{ ...first, functionnumber: 1 }, expected]);
    const cut = concatBytes(before, node(type, subtype, body)).slice(0, -1);
    expect(pathOf(cut)).toEqual([{ ...first, functionnumber: 1 }]);
  });
});

test('a node of an unknown type or an impossible length ends a device path', () => {
  const good = node(1, 2, Uint8Array.of(1));
  expect(pathOf(good, node(6, 1, new Uint8Array(2)), good)).toHaveLength(1);
  expect(pathOf(good, Uint8Array.of(1, 2, 3, 0), good)).toHaveLength(1);
  expect(pathOf(good, node(1, 1, new Uint8Array(3)), good)).toHaveLength(1);
});
