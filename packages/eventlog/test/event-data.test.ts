import { ByteWriter, concatBytes, encodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { type EventData, EventType, parseEventData, parseEventLog } from '../src/index.ts';
import { readVector } from './vectors.ts';

/** JSON as tools print it: bytes are hex, 64-bit numbers are exact. */
const shown = (data: unknown): unknown =>
  JSON.parse(
    JSON.stringify(data, (_, value: unknown) =>
      value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? `${value}n` : value,
    ),
  );
const dataOf = (file: readonly string[], index: number): EventData => {
  const event = parseEventLog(readVector(...file)).events[index];
  if (event === undefined) throw new Error(`no event ${index}`);
  const { rawdata, ...rest } = parseEventData(event);
  expect(rawdata).toEqual(event.data);
  return rest;
};
const parsed = (type: number, data: Uint8Array): unknown => {
  const { rawdata, ...rest } = parseEventData(
    { type, data },
    { readCertificate: (der) => ({ certificate: toHex(der) }) },
  );
  expect(rawdata).toEqual(data);
  return shown(rest);
};
const utf16 = (text: string): Uint8Array =>
  new Uint8Array(Uint16Array.from(text, (unit) => unit.charCodeAt(0)).buffer);
const GUID = '00112233-4455-6677-8899-aabbccddeeff';
const GUID_BYTES = fromHex('33221100554477668899aabbccddeeff');

const VM = ['vm-ovmf', 'eventlog.bin'];
const LAPTOP = ['eventlog', 'tpm2tools-bootorder.bin'];

describe('events of real logs', () => {
  test('firmware blob: big-endian members, raw data as in the log', () => {
    expect(shown(dataOf(VM, 2))).toEqual({
      uefiplatformfirmwareblob: { blobbase: '0000000000820000', bloblength: '00000000000e0000' },
    });
    const event = parseEventLog(readVector(...VM)).events[2];
    expect(toHex(event?.data ?? new Uint8Array())).toBe('000082000000000000000e0000000000');
  });
  test('SecureBoot, whose name has "Boot" in it, is no load option', () => {
    expect(shown(dataOf(VM, 4))).toEqual({
      uefivariabledata: {
        variablenameguid: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
        unicodename: 'SecureBoot',
      },
    });
  });
  test('boot order', () => {
    expect(dataOf(VM, 11).uefivariabledata?.bootorder).toEqual([0]);
    expect(dataOf(LAPTOP, 12).uefivariabledata?.bootorder).toEqual([1, 0, 2]);
  });
  test('load option of an application in a firmware volume', () => {
    expect(shown(dataOf(VM, 12).uefivariabledata)).toEqual({
      variablenameguid: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
      unicodename: 'Boot0000',
      efiloadoption: {
        attributes: 0x109,
        description: 'UiApp',
        filepathlist: [
          {
            type: 'media device path',
            subtype: 'PIWG Firmware Volume',
            vendordefineddata: 'c9bdb87cebf8344faaea3ee4af6516a1',
          },
          {
            type: 'media device path',
            subtype: 'PIWG Firmware File',
            firmwareFileName: '462caa21-7614-4503-836e-8ab6f4662331',
          },
        ],
      },
    });
  });
  test('load option of a device, with optional data', () => {
    expect(shown(dataOf(LAPTOP, 13).uefivariabledata?.efiloadoption)).toEqual({
      attributes: 1,
      description: 'UEFI Misc Device',
      filepathlist: [
        { type: 'ACPI Device Path', pathname: 'ACPI(HID=0x0A0341D0,UID=0x00000000)' },
        { type: 'Hardware Device Path', subtype: 'PCI Device Path', function: 0, device: 6 },
      ],
      optionaldata: '\uac4e\u8108\u9f11\u4d59\u0e85\u1ae2\u2c52\ub259',
    });
  });
  test('loaded kernel of a direct boot', () => {
    expect(shown(dataOf(VM, 10))).toEqual({
      imageloadevent: {
        imagelocationinmemory: 0x3c88_2018,
        imagelengthinmemory: 14_186_432,
        imagelinktimeaddress: 0,
        uefidevicepath: [
          {
            type: 'media device path',
            subtype: 'Vendor',
            vendorguid: '1428f772-b64a-441e-b8c3-9ebdd7f893c7',
            vendordefineddata: '',
          },
          {
            type: 'media device path',
            subtype: 'file path media device path',
            pathname: 'kernel',
          },
        ],
      },
    });
  });
  test('loaded boot loader of a disk', () => {
    expect(shown(dataOf(LAPTOP, 25).imageloadevent)).toEqual({
      imagelocationinmemory: 0xbec2_b018,
      imagelengthinmemory: 1_334_816,
      imagelinktimeaddress: 0,
      uefidevicepath: [
        { type: 'ACPI Device Path', pathname: 'ACPI(HID=0x0A0341D0,UID=0x00000000)' },
        { type: 'Hardware Device Path', subtype: 'PCI Device Path', function: 0, device: 6 },
        {
          type: 'media device path',
          subtype: 'hard drive',
          partitionnumber: 15,
          partitionstart: 0x2800,
          partitionsize: 0x3_5000,
          partitionsignature: '98e759c36a59b642b6f6eca290429d99',
          partitionformat: 2,
          signaturetype: 2,
        },
        {
          type: 'media device path',
          subtype: 'file path media device path',
          pathname: '\\EFI\\BOOT\\BOOTX64.EFI',
        },
      ],
    });
  });
  test('partition table', () => {
    const { partitions, ...header } = dataOf(LAPTOP, 24).gptheader ?? { partitions: [] };
    expect(shown(header)).toEqual({
      signature: `${0x5452_4150_2049_4645n}n`,
      revision: 0x1_0000,
      headersize: 92,
      headercrc32: 0x5db1_b2d8,
      reserved: 0,
      mylba: 1,
      alternativelba: 0x466_5fff,
      firstusablelba: 34,
      lastusablelba: 0x466_5fde,
      diskguid: '07081ba2-7cc9-4663-8ecf-4692ccb7e3ec',
      partitionentrylba: 2,
      numberofpartitionentries: 128,
      sizeofpartitionentry: 128,
      partitionentryarraycrc32: 0x724f_0e16,
    });
    expect(shown(partitions)).toEqual([
      {
        partitiontypeguid: '0fc63daf-8483-4772-8e79-3d69d8477de4',
        uniquepartitionguid: '78a91070-7746-4396-82b8-ffc7ba90d889',
        startinglba: 0x3_7800,
        endinglba: 0x466_5fde,
        attributes: 0,
        partitionname: '',
      },
      {
        partitiontypeguid: '21686148-6449-6e6f-744e-656564454649',
        uniquepartitionguid: '0ad1f9da-18fb-42ac-9f39-fbba46240cbd',
        startinglba: 0x800,
        endinglba: 0x27ff,
        attributes: 0,
        partitionname: '',
      },
      {
        partitiontypeguid: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
        uniquepartitionguid: 'c359e798-596a-42b6-b6f6-eca290429d99',
        startinglba: 0x2800,
        endinglba: 0x3_77ff,
        attributes: 0,
        partitionname: '',
      },
    ]);
  });
  test('tagged events of the kernel: what it was loaded with', () => {
    expect(dataOf(VM, 21)).toEqual({
      pcclienttaggedevent: {
        taggedeventid: '0x8F3B22ED',
        taggedeventdata: 'LOADED_IMAGE::LoadOptions\0',
      },
    });
    expect(dataOf(VM, 22)).toEqual({
      pcclienttaggedevent: { taggedeventid: '0x8F3B22EC', taggedeventdata: 'Linux initrd\0' },
    });
  });
  test('actions', () => {
    expect(dataOf(VM, 24)).toEqual({ stringcontent: 'Exit Boot Services Returned with Success' });
  });
});

/** A device path node. */
function node(type: number, subtype: number, body: Uint8Array): Uint8Array {
  const head = new ByteWriter('little')
    .u8(type)
    .u8(subtype)
    .u16(4 + body.length);
  return head.bytes(body).finish();
}
const END = node(0x7f, 0xff, new Uint8Array(0));
const little = (): ByteWriter => new ByteWriter('little');
const pathOf = (...nodes: readonly Uint8Array[]): unknown => {
  const head = little().u64(1n).u64(2n).u64(0n).u64(0n).finish();
  const data = concatBytes(head, ...nodes);
  const { imageloadevent } = parsed(EventType.EFI_BOOT_SERVICES_DRIVER, data) as {
    readonly imageloadevent: { readonly uefidevicepath?: unknown };
  };
  return imageloadevent.uefidevicepath;
};

const BIG = 0xffff_ffff_ffff_fffen;
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
      descriptionstring: 'disk.',
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

/** UEFI_VARIABLE_DATA. */
function variable(name: string, data: Uint8Array): Uint8Array {
  const head = little().bytes(GUID_BYTES).u64(BigInt(name.length)).u64(BigInt(data.length));
  return head.bytes(utf16(name)).bytes(data).finish();
}
const parsedVariable = (name: string, data: Uint8Array): unknown =>
  parsed(EventType.EFI_VARIABLE_BOOT, variable(name, data));
const named = (name: string, content: object): object => ({
  uefivariabledata: { variablenameguid: GUID, unicodename: name, ...content },
});

describe('variables', () => {
  test.each([
    ['BootOrder', '01000200', { bootorder: [1, 2] }],
    ['DriverOrder', '0300', { driverorder: [3] }],
    ['BootNext', '0400', { bootnext: 4 }],
    ['BootCurrent', '0500', { bootcurrent: 5 }],
    ['BootOptionSupport', '01030000', { bootoptionsupport: 0x301 }],
    ['PlatformLang', '656e2d555300', { stringcontent: 'en-US.' }],
    ['SignatureSupport', toHex(GUID_BYTES), { guidarray: [GUID] }],
    ['MokList', '00ff', { variabledata: '00ff' }],
    ['BootNext', '04', {}],
  ])('%s %s', (name, hex, content) => {
    expect(parsedVariable(name, fromHex(hex))).toEqual(named(name, content));
  });
  test('Driver0001 is a load option, its optional data hex where it is no UTF-16', () => {
    const option = little().u32(3).u16(0).bytes(utf16('drv\0')).bytes(END).u16(0xd800).finish();
    expect(parsedVariable('Driver0001', option)).toEqual(
      named('Driver0001', {
        efiloadoption: {
          attributes: 3,
          description: 'drv',
          filepathlist: null,
          optionaldata: '00d8',
        },
      }),
    );
  });
  test('db lists certificates and hashes with their owners', () => {
    const list = (type: string, size: number, signatures: readonly Uint8Array[]): Uint8Array => {
      const body = concatBytes(...signatures);
      const head = little()
        .bytes(fromHex(type))
        .u32(28 + body.length)
        .u32(0)
        .u32(size);
      return head.bytes(body).finish();
    };
    const x509 = list('a159c0a5e494a74a87b5ab155c2bf072', 19, [
      concatBytes(GUID_BYTES, fromHex('300100')),
    ]);
    const hash = new Uint8Array(32).fill(7);
    const sha256 = list('2616c4c14c509240aca941f936934328', 48, [
      concatBytes(GUID_BYTES, hash),
      concatBytes(GUID_BYTES, hash),
    ]);
    const sha1 = list('12a56c8210cfc94ab187be01496631bd', 36, []);
    const entry = { signatureownerguid: GUID, hash: toHex(hash) };
    expect(parsedVariable('db', concatBytes(x509, sha256, sha1))).toEqual(
      named('db', {
        signaturedb: [
          {
            efisignaturelistguid: 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072',
            ueficertificates: [
              { signatureownerguid: GUID, certificates: { certificate: '300100' } },
            ],
          },
          {
            efisignaturelistguid: 'c1c41626-504c-4092-aca9-41f936934328',
            sha256hashes: [entry, entry],
          },
          { efisignaturelistguid: '826ca512-cf10-4ac9-b187-be01496631bd' },
        ],
      }),
    );
  });
  test('wrong lengths leave an empty object, a cut-off header nothing', () => {
    const bytes = variable('BootNext', Uint8Array.of(1, 0));
    expect(parsed(EventType.EFI_VARIABLE_BOOT, bytes.slice(0, -1))).toEqual({
      uefivariabledata: {},
    });
    expect(parsed(EventType.EFI_VARIABLE_BOOT, bytes.slice(0, 31))).toEqual({});
    const huge = bytes.slice();
    huge.set([0xff, 0xff, 0xff, 0xff, 0xff], 16);
    expect(parsed(EventType.EFI_VARIABLE_BOOT, huge)).toEqual({ uefivariabledata: {} });
  });
});

describe('other types', () => {
  test('handoff tables, with addresses beyond 2^53', () => {
    const table = (address: bigint): Uint8Array => little().bytes(GUID_BYTES).u64(address).finish();
    const data = concatBytes(little().u64(2n).finish(), table(4096n), table(BIG));
    expect(parsed(EventType.EFI_HANDOFF_TABLES, data)).toEqual({
      uefihandofftablepointer: {
        ueficonfigurationtable: [
          { guid: GUID, tableaddress: 4096 },
          { guid: GUID, tableaddress: `${BIG}n` },
        ],
      },
    });
    expect(parsed(EventType.EFI_HANDOFF_TABLES, data.slice(0, -1))).toEqual({});
  });
  test('tagged data that is no text is hex', () => {
    const data = little().u32(1).u32(2).bytes(fromHex('ff00')).finish();
    expect(parsed(EventType.EVENT_TAG, data)).toEqual({
      pcclienttaggedevent: { taggedeventid: '0x00000001', taggedeventdata: 'ff00' },
    });
    expect(parsed(EventType.EVENT_TAG, data.slice(0, -1))).toEqual({});
  });
  test('partition table whose count is more than there is', () => {
    const event = parseEventLog(readVector(...LAPTOP)).events[24];
    const data = (event?.data ?? new Uint8Array()).slice(0, -1);
    expect(parsed(EventType.EFI_GPT_EVENT, data)).toEqual({});
  });
  test('text keeps what is printable', () => {
    const data = encodeUtf8('grub_cmd: ls\n\u00e9\0');
    expect(parsed(EventType.IPL, data)).toEqual({ stringcontent: 'grub_cmd: ls\n...' });
  });
  test.each([0x8000_000a, 0x8000_000b, 0x8000_000c, 0x8000_000d, 0x1234])(
    'type 0x%x is given raw',
    (type) => {
      expect(parsed(type, Uint8Array.of(1, 2))).toEqual({});
    },
  );
});
