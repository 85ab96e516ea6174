import { ByteWriter, DecodeError, encodeUtf8, fromHex } from '@cmc/bytes';
import { digestSize, type HashName } from '@cmc/bytes/hash';
import { type TemplateField, templateByName } from './templates.ts';

const MAX_BYTES = 512 * 1024 * 1024;

/**
 * The binary form (little-endian) of a list in text form, `ascii_runtime_measurements`.
 * @throws {DecodeError} a line that is no entry
 */
export function imaAsciiToBinary(text: string, templateDigest: HashName = 'SHA-1'): Uint8Array {
  if (text.length > MAX_BYTES) fail('ERR_DECODE_LIMIT', `${text.length} characters of list`, 0);
  const writer = new ByteWriter('little');
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [index, line] of lines.entries()) writeEntry(writer, line, index, templateDigest);
  return writer.finish();
}

function writeEntry(writer: ByteWriter, line: string, index: number, logged: HashName): void {
  const head = /^ *(\d{1,2}) ([0-9a-f]+) (\S+) (.*)$/.exec(line);
  if (head === null) fail('ERR_DECODE_FORMAT', 'no line of a list', index);
  const [, pcr, digestHex = '', name = '', rest = ''] = head;
  const digest = fromHex(digestHex, 'templateDigest');
  if (digest.length !== digestSize(logged)) {
    fail('ERR_DECODE_VALUE', `template digest of ${digest.length} bytes in ${logged}`, index);
  }
  const template = templateByName(name);
  if (template === undefined) fail('ERR_DECODE_VALUE', `unknown template ${name}`, index);
  const texts = rest.split(' ');
  if (texts.length !== template.fields.length) {
    fail('ERR_DECODE_FORMAT', `${texts.length} fields, expected ${template.fields.length}`, index);
  }
  const data = new ByteWriter('little');
  for (const [i, field] of template.fields.entries()) {
    const value = fieldBytes(field, texts[i] ?? '', template.isLegacy, index);
    if (!(template.isLegacy && field.kind === 'sha1')) data.u32(value.length);
    data.bytes(value);
  }
  const nameBytes = encodeUtf8(name);
  writer.u32(Number(pcr)).bytes(digest).u32(nameBytes.length).bytes(nameBytes);
  const bytes = data.finish();
  if (!template.isLegacy) writer.u32(bytes.length);
  writer.bytes(bytes);
}

function fieldBytes(
  { kind, isOptional }: TemplateField,
  text: string,
  isLegacy: boolean,
  line: number,
): Uint8Array {
  if (isOptional && text === '') return new Uint8Array(0);
  switch (kind) {
    case 'sha1':
    case 'hex':
      return fromHex(text, 'field');
    case 'text':
      return encodeUtf8(isLegacy ? text : `${text}\0`);
    case 'digest':
    case 'typed-digest': {
      const colon = text.lastIndexOf(':');
      if (colon <= 0) fail('ERR_DECODE_FORMAT', 'digest without an algorithm', line);
      const digest = fromHex(text.slice(colon + 1), 'digest');
      return Uint8Array.from([...encodeUtf8(`${text.slice(0, colon)}:\0`), ...digest]);
    }
    default: {
      const limit = kind === 'uint16' ? 0xffff : 0xffff_ffff;
      const value = Number(text);
      if (!/^\d{1,10}$/.test(text) || value > limit) {
        fail('ERR_DECODE_VALUE', `no ${kind}`, line);
      }
      const writer = new ByteWriter('little');
      return (kind === 'uint16' ? writer.u16(value) : writer.u32(value)).finish();
    }
  }
}

function fail(code: DecodeError['code'], message: string, line: number): never {
  throw new DecodeError(code, message, { path: ['ima', `lines[${line}]`], offset: 0 });
}
