import { concatBytes, DecodeError, fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { EventType, parseEventData, parseEventLog, parseUefiVariable } from '../src/index.ts';
import { END, GUID, GUID_BYTES, little, parsed, utf16 } from './event-data-support.ts';
import { readVector } from './vectors.ts';

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
    ['PlatformLang', '656e2d555300', { stringcontent: 'en-US\0' }],
    ['SignatureSupport', toHex(GUID_BYTES), { guidarray: [GUID] }],
    ['MokList', '00ff', { variabledata: '00ff' }],
    ['BootNext', '04', {}],
  ])('%s %s', (name, hex, content) => {
    expect(parsedVariable(name, fromHex(hex))).toEqual(named(name, content));
  });
  test.each([
    ['UTF-16', '410042', { optionaldata: '410042' }],
    ['UTF-16 of half a character', '410000d8', { optionaldata: 'A\ufffd' }],
    ['UTF-16', '4100', { optionaldata: 'A' }],
    ['nothing', '', {}],
  ])('Driver0001 is a load option, its optional data %s: %s', (_, hex, content) => {
    const option = little()
      .u32(3)
      .u16(0)
      .bytes(utf16('d\udc00rv\0'))
      .bytes(END)
      .bytes(fromHex(hex));
    expect(parsedVariable('Driver0001', option.finish())).toEqual(
      named('Driver0001', {
        efiloadoption: { attributes: 3, description: 'd\ufffdrv', filepathlist: [], ...content },
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
    const sha1 = list('12a56c8210cfc94ab187be01496631bd', 36, [
      concatBytes(GUID_BYTES, hash.subarray(0, 20)),
    ]);
    const sha384 = list('07533eff d09f c948 85f1 8ad56c701e01'.replaceAll(' ', ''), 64, []);
    const entry = { signatureownerguid: GUID, hash: toHex(hash) };
    const short = { ...entry, hash: toHex(hash.subarray(0, 20)) };
    expect(parsedVariable('db', concatBytes(x509, sha256, sha1, sha384))).toEqual(
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
          {
            efisignaturelistguid: '826ca512-cf10-4ac9-b187-be01496631bd',
            sha256hashes: [short],
          },
          { efisignaturelistguid: 'ff3e5307-9fd0-48c9-85f1-8ad56c701e01' },
        ],
      }),
    );
  });
  test('a certificate that cannot be read is left out, and no other', () => {
    const events = parseEventLog(readVector('eventlog', 'ibm-server-sm2.bin')).events;
    const event = events.find(({ type, data }) => {
      const isVariable = type === EventType.EFI_VARIABLE_DRIVER_CONFIG;
      return isVariable && parseUefiVariable(data).name === 'db';
    });
    if (event === undefined) throw new Error('the log has no db');
    const lengths: number[] = [];
    const { uefivariabledata } = parseEventData(event, {
      readCertificate: (der) => {
        lengths.push(der.length);
        const at = { path: ['certificate'], offset: 0 };
        if (lengths.length === 1) throw new DecodeError('ERR_DECODE_FORMAT', 'none', at);
        return lengths.length;
      },
    });
    const lists = uefivariabledata?.signaturedb ?? [];
    const read = lists.flatMap(({ ueficertificates }) => ueficertificates ?? []);
    expect(lengths.length).toBeGreaterThan(2);
    expect(read.map(({ certificates }) => certificates)).toEqual(
      lengths.map((_, i) => i + 1).slice(1),
    );
  });
  test('wrong lengths leave an empty object, a cut-off header nothing; more is let pass', () => {
    const bytes = variable('BootNext', Uint8Array.of(1, 0));
    expect(parsed(EventType.EFI_VARIABLE_BOOT, bytes.slice(0, -1))).toEqual({
      uefivariabledata: {},
    });
    expect(parsed(EventType.EFI_VARIABLE_BOOT, bytes.slice(0, 31))).toEqual({});
    expect(parsed(EventType.EFI_VARIABLE_BOOT, concatBytes(bytes, END))).toEqual(
      named('BootNext', { bootnext: 1 }),
    );
    expect(() => parseUefiVariable(concatBytes(bytes, END))).toThrow(DecodeError);
    const huge = bytes.slice();
    huge.set([0xff, 0xff, 0xff, 0xff, 0xff], 16);
    expect(parsed(EventType.EFI_VARIABLE_BOOT, huge)).toEqual({ uefivariabledata: {} });
  });
});
