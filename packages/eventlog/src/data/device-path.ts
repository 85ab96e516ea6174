import { ByteReader } from '@cmc/bytes';
import {
  GUID_BYTES,
  hex32,
  orUndefined,
  plainText,
  readGuid,
  readUint64,
  readUtf16z,
} from './fields.ts';
import type { EfiDevicePath } from './types.ts';

const HEADER_BYTES = 4;
const END_TYPE = 0x7f;
const END_SUBTYPE = 0xff;

interface NodeType {
  readonly name: string;
  readonly subtypes: ReadonlyMap<number, NodeSubtype>;
}

interface NodeSubtype {
  /** Absent where reports print none. */
  readonly name?: string;
  readonly read: (reader: ByteReader) => Omit<EfiDevicePath, 'type' | 'subtype'>;
}

function vendor(reader: ByteReader): Omit<EfiDevicePath, 'type'> {
  return { vendorguid: readGuid(reader), vendordefineddata: reader.rest() };
}

const HARDWARE: ReadonlyMap<number, NodeSubtype> = new Map<number, NodeSubtype>([
  [1, { name: 'PCI Device Path', read: (r) => ({ function: r.u8(), device: r.u8() }) }],
  [2, { name: 'PCCARD Device Path', read: (r) => ({ functionnumber: r.u8() }) }],
  [
    3,
    {
      name: 'Memory Mapped Device Path',
      read: (r) => ({
        memorytype: r.u32(),
        startaddress: readUint64(r),
        endaddress: readUint64(r),
      }),
    },
  ],
  [4, { name: 'Vendor Device Path', read: vendor }],
]);

const ACPI: ReadonlyMap<number, NodeSubtype> = new Map<number, NodeSubtype>([
  [1, { read: (r) => ({ pathname: `ACPI(HID=${hex32(r.u32())},UID=${hex32(r.u32())})` }) }],
  [2, { read: (r) => ({ pathname: readExtendedAcpi(r) }) }],
]);

const MEDIA: ReadonlyMap<number, NodeSubtype> = new Map<number, NodeSubtype>([
  [
    1,
    {
      name: 'hard drive',
      read: (r) => ({
        partitionnumber: r.u32(),
        partitionstart: readUint64(r),
        partitionsize: readUint64(r),
        partitionsignature: r.bytes(16),
        partitionformat: r.u8(),
        signaturetype: r.u8(),
      }),
    },
  ],
  [
    2,
    {
      name: 'CD-ROM \u201cEl Torito\u201d Format',
      read: (r) => ({
        bootentry: r.u32(),
        partitionstart: readUint64(r),
        partitionsize: readUint64(r),
      }),
    },
  ],
  [3, { name: 'Vendor', read: vendor }],
  [4, { name: 'file path media device path', read: (r) => ({ pathname: readFilePath(r) }) }],
  [5, { name: 'Media Protocol', read: (r) => ({ protocolguid: readGuid(r) }) }],
  [6, { name: 'PIWG Firmware File', read: readFirmwareFile }],
  [7, { name: 'PIWG Firmware Volume', read: (r) => ({ vendordefineddata: r.rest() }) }],
  [
    9,
    {
      name: 'RAM Disk Device Path',
      read: (r) => ({
        startingaddress: readUint64(r),
        endingaddress: readUint64(r),
        disktypeguid: readGuid(r),
        diskinstance: r.u16(),
      }),
    },
  ],
]);

const TYPES: ReadonlyMap<number, NodeType> = new Map<number, NodeType>([
  [1, { name: 'Hardware Device Path', subtypes: HARDWARE }],
  [2, { name: 'ACPI Device Path', subtypes: ACPI }],
  [
    3,
    {
      name: 'messaging device path',
      subtypes: new Map([[10, { name: 'vendor-defined messaging device path', read: vendor }]]),
    },
  ],
  [4, { name: 'media device path', subtypes: MEDIA }],
  [
    5,
    {
      name: 'BIOS Boot Specification Device Path.',
      subtypes: new Map([
        [
          1,
          {
            name: 'BIOS Boot Specification Version 1.01',
            read: (r: ByteReader) => ({
              devicetype: r.u16(),
              statusflag: r.u16(),
              descriptionstring: plainText(r.rest()),
            }),
          },
        ],
      ]),
    },
  ],
]);

/** Nodes up to the end node, an unknown type or a malformed node; never throws for its input. */
export function readDevicePath(reader: ByteReader): EfiDevicePath[] {
  const nodes: EfiDevicePath[] = [];
  while (reader.remaining >= HEADER_BYTES) {
    const type = reader.u8();
    const subtype = reader.u8();
    const length = reader.u16();
    if (length < HEADER_BYTES || length - HEADER_BYTES > reader.remaining) break;
    const body = new ByteReader(reader.bytes(length - HEADER_BYTES), 'devicePath', 'little');
    if (type === END_TYPE && subtype === END_SUBTYPE) break;
    const node = readNode(type, subtype, body);
    if (node === undefined) break;
    nodes.push(node);
  }
  return nodes;
}

function readNode(type: number, subtype: number, body: ByteReader): EfiDevicePath | undefined {
  const known = TYPES.get(type);
  if (known === undefined) return undefined;
  const knownSubtype = known.subtypes.get(subtype);
  if (knownSubtype === undefined) return { type: known.name };
  const { name, read } = knownSubtype;
  return orUndefined(() => {
    const fields = read(body);
    body.end();
    return { type: known.name, ...(name === undefined ? {} : { subtype: name }), ...fields };
  });
}

function readExtendedAcpi(reader: ByteReader): string {
  const [hid, uid, cid] = [reader.u32(), reader.u32(), reader.u32()];
  const [hidText, uidText, cidText] = [readAsciiz(reader), readAsciiz(reader), readAsciiz(reader)];
  const part = (name: string, text: string, value: number): string =>
    text === '' ? `${name}=${hex32(value)}` : `${name}STR=${text}`;
  return `ACPI_EXT(${part('HID', hidText, hid)},${part('UID', uidText, uid)},${part('CID', cidText, cid)})`;
}

function readAsciiz(reader: ByteReader): string {
  const bytes: number[] = [];
  for (let byte = reader.u8(); byte !== 0; byte = reader.u8()) bytes.push(byte);
  return plainText(Uint8Array.from(bytes));
}

function readFilePath(reader: ByteReader): string {
  let path = '';
  while (reader.remaining > 0) path += readUtf16z(reader);
  return path;
}

/** The name is a GUID by the standard. */
function readFirmwareFile(reader: ByteReader): Omit<EfiDevicePath, 'type'> {
  return reader.remaining === GUID_BYTES
    ? { firmwareFileName: readGuid(reader) }
    : { vendordefineddata: reader.rest() };
}
