import { concatBytes, fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { EventType } from '../src/index.ts';
import { END, GUID, GUID_BYTES, little, parsed, utf16 } from './event-data-support.ts';

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
