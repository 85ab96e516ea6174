import { ByteReader, toHex } from '@cmc/bytes';
import { readDevicePath } from './device-path.ts';
import {
  guidText,
  orUndefined,
  plainText,
  readGuid,
  readUint16s,
  readUtf16z,
  utf16Text,
} from './fields.ts';
import { type CertificateReader, readSignatureDatabase } from './signature-database.ts';
import type { EfiLoadOption, UefiVariableData } from './types.ts';

const HEADER_BYTES = 32;
const MAX_LENGTH = 64 * 1024 * 1024;
const SIGNATURE_DATABASES: readonly string[] = ['PK', 'KEK', 'db', 'dbr', 'dbt', 'dbx'].flatMap(
  (name) => [name, `${name}Default`],
);
const GUID_ARRAYS: readonly string[] = ['SignatureSupport', 'OsRecoveryOrder'];
const LANGUAGES: readonly string[] = ['PlatformLang', 'PlatformLangCodes'];
const LOAD_OPTION = /Boot|PlatformRecovery|Driver/;

/** A measured variable, taken apart (UEFI_VARIABLE_DATA). */
export interface UefiVariable {
  readonly guid: string;
  readonly name: string;
  readonly data: Uint8Array;
}

/** The variable that event data holds, exactly. @throws {DecodeError} */
export function parseUefiVariable(eventData: Uint8Array): UefiVariable {
  const reader = new ByteReader(eventData, 'uefiVariable', 'little');
  const variable = readVariable(reader);
  reader.end();
  return variable;
}

function readVariable(reader: ByteReader): UefiVariable {
  const guid = reader.field('variableName', readGuid);
  const nameUnits = reader.field('unicodeNameLength', (r) => r.u64());
  const dataBytes = reader.field('variableDataLength', (r) => r.u64());
  if (nameUnits > MAX_LENGTH || dataBytes > MAX_LENGTH) {
    reader.fail('ERR_DECODE_LIMIT', `name of ${nameUnits} and data of ${dataBytes} bytes`);
  }
  const name = reader.field('unicodeName', (r) => utf16Text(r.bytes(2 * Number(nameUnits))));
  const data = reader.field('variableData', (r) => r.bytes(Number(dataBytes)));
  return { guid, name, data };
}

/**
 * For display: an empty object when the lengths are wrong, `undefined` when there is no header. What
 * follows is let pass: boot loaders write too much.
 */
export function readVariableData<C>(
  eventData: Uint8Array,
  readCertificate: CertificateReader<C> | undefined,
): UefiVariableData<C> | undefined {
  if (eventData.length < HEADER_BYTES) return undefined;
  const reader = new ByteReader(eventData, 'uefiVariable', 'little');
  const variable = orUndefined(() => readVariable(reader));
  if (variable === undefined) return {};
  const { guid, name, data } = variable;
  const content = orUndefined(() => readContent(name, data, readCertificate));
  return { variablenameguid: guid, unicodename: name, ...content };
}

function readContent<C>(
  name: string,
  data: Uint8Array,
  readCertificate: CertificateReader<C> | undefined,
): UefiVariableData<C> {
  const reader = new ByteReader(data, name, 'little');
  if (SIGNATURE_DATABASES.includes(name)) {
    return { signaturedb: readSignatureDatabase(data, readCertificate) };
  }
  if (GUID_ARRAYS.includes(name)) return { guidarray: readGuids(data) };
  if (LANGUAGES.includes(name)) return { stringcontent: plainText(data) };
  switch (name) {
    case 'BootOrder':
      return { bootorder: readUint16s(reader) };
    case 'DriverOrder':
      return { driverorder: readUint16s(reader) };
    case 'BootNext':
      return { bootnext: reader.u16() };
    case 'BootCurrent':
      return { bootcurrent: reader.u16() };
    case 'BootOptionSupport':
      return { bootoptionsupport: reader.u32() };
    default:
      return LOAD_OPTION.test(name)
        ? { efiloadoption: readLoadOption(reader) }
        : { variabledata: data };
  }
}

/** EFI_LOAD_OPTION (UEFI Specification, 3.1.3). @throws {DecodeError} */
function readLoadOption(reader: ByteReader): EfiLoadOption {
  const attributes = reader.u32();
  reader.u16();
  const description = readUtf16z(reader);
  const nodes = readDevicePath(reader);
  const rest = reader.rest();
  return {
    attributes,
    description,
    filepathlist: nodes,
    ...(rest.length === 0 ? {} : { optionaldata: optionalText(rest) }),
  };
}

/** UTF-16 text where there can be one, else hex. */
function optionalText(bytes: Uint8Array): string {
  return bytes.length % 2 === 0 ? utf16Text(bytes) : toHex(bytes);
}

function readGuids(data: Uint8Array): string[] {
  const guids: string[] = [];
  for (let at = 0; at + 16 <= data.length; at += 16)
    guids.push(guidText(data.subarray(at, at + 16)));
  return guids;
}
