import { concatBytes, encodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { type EventData, EventType, parseEventData, parseEventLog } from '../src/index.ts';
import { BIG, GUID, GUID_BYTES, little, parsed, shown } from './event-data-support.ts';
import { readVector } from './vectors.ts';

const dataOf = (file: readonly string[], index: number): EventData => {
  const event = parseEventLog(readVector(...file)).events[index];
  if (event === undefined) throw new Error(`no event ${index}`);
  const { rawdata, ...rest } = parseEventData(event);
  expect(rawdata).toEqual(event.data);
  return rest;
};

/** The first variable of a name that a log has. */
const variableOf = (file: string, name: string): EventData['uefivariabledata'] =>
  parseEventLog(readVector('eventlog', `${file}.bin`))
    .events.map((event) => parseEventData(event).uefivariabledata)
    .find((variable) => variable?.unicodename === name);

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
  test('boot entry of a BIOS, its description with the NUL', () => {
    expect(variableOf('google-ubuntu2104-no-dbx', 'Boot0002')?.efiloadoption).toEqual({
      attributes: 1,
      description: 'VirtScsi(0,3,0) Disk',
      filepathlist: [
        {
          type: 'BIOS Boot Specification Device Path.',
          subtype: 'BIOS Boot Specification Version 1.01',
          devicetype: 2,
          statusflag: 0,
          descriptionstring: 'VirtScsi(0,3,0) Disk\0',
        },
      ],
      optionaldata: '\x11',
    });
  });
  test('optional data that is not all UTF-16', () => {
    const { optionaldata } =
      variableOf('google-crypto-agile-sha256', 'Boot0004')?.efiloadoption ?? {};
    expect(optionaldata).toBe(
      '\u0104*\x01\0\u0800\0\0\0\u4000\x06\0\0\ue4d9\u54c2\uc47a\u4175\u42b9\u4f4f\ua588\ufffd' +
        '\u0202\u0404.\\EFI\\shell\\Shell.efi\0\uff7f\x04',
    );
  });
  test('names of partitions end where they end', () => {
    const { events } = parseEventLog(readVector('eventlog', 'hirs-tpmlog-sha256.bin'));
    const table = events.find(({ type }) => type === EventType.EFI_GPT_EVENT);
    if (table === undefined) throw new Error('the log has no partition table');
    const { partitions } = parseEventData(table).gptheader ?? {};
    expect(partitions?.map(({ partitionname }) => partitionname)).toEqual([
      'Basic data partition',
      'EFI system partition',
      'Microsoft reserved partition',
      'Basic data partition',
      'Basic data partition',
    ]);
  });
  test('certificate of a boot loader, with bytes behind it', () => {
    const { variablenameguid, variabledata } = variableOf('ibm-server-sm2', 'Shim') ?? {};
    expect(variablenameguid).toBe('605dab50-e046-4300-abb6-3dd810dd8b23');
    expect(variabledata).toHaveLength(1080);
  });
  test('actions', () => {
    expect(dataOf(VM, 24)).toEqual({ stringcontent: 'Exit Boot Services Returned with Success' });
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
  test('partition table whose count is more than there is: no partitions', () => {
    const { data = new Uint8Array() } = parseEventLog(readVector(...LAPTOP)).events[24] ?? {};
    const whole = parsed(EventType.EFI_GPT_EVENT, data) as {
      readonly gptheader: { readonly partitions: unknown };
    };
    const { partitions, ...header } = whole.gptheader;
    expect(partitions).toHaveLength(3);
    expect(parsed(EventType.EFI_GPT_EVENT, data.slice(0, -1))).toEqual({ gptheader: header });
    expect(parsed(EventType.EFI_GPT_EVENT, data.slice(0, 91))).toEqual({});
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
