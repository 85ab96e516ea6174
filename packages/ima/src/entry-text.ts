import { ByteWriter, DecodeError, fromBase64, toBase64 } from '@cmc/bytes';
import { fileDigest, type ImaEntry, parseTemplateData, pathOf } from './entry.ts';
import { fieldsOf } from './entry-digest.ts';
import { LEGACY_NAME_BYTES, templateByName } from './templates.ts';

/** More than the longest path and signature of a file have. */
const MAX_CHARACTERS = 16 * 1024;
const EMPTY = new Uint8Array();

/** What an entry measures; what else a list says of it is not in its text. */
export type ImaEntryContent = Pick<ImaEntry, 'template' | 'path' | 'digest' | 'fields'>;

/**
 * An entry as text: name of the template, a space, and the template data (little-endian) in Base64.
 * `undefined` for a violation, which extends no digest of its data, and for one that is too long.
 */
export function encodeImaEntry(
  entry: Pick<ImaEntry, 'template' | 'fields' | 'isViolation'>,
): string | undefined {
  if (entry.isViolation) return undefined;
  const data = templateByName(entry.template)?.isLegacy ? legacyData(entry) : fieldsOf(entry);
  const text = `${entry.template} ${toBase64(data)}`;
  return text.length > MAX_CHARACTERS ? undefined : text;
}

/**
 * What {@link encodeImaEntry} made a text of. Nothing is verified: neither digest nor signature.
 * @throws {DecodeError} anything else
 */
export function decodeImaEntry(text: string): ImaEntryContent {
  if (text.length > MAX_CHARACTERS) {
    fail('ERR_DECODE_LIMIT', `${text.length} characters, at most ${MAX_CHARACTERS}`);
  }
  const [name = '', data, ...more] = text.split(' ');
  if (data === undefined || more.length > 0) {
    fail('ERR_DECODE_FORMAT', 'expected a template and its data');
  }
  const template = templateByName(name);
  if (template === undefined) {
    return fail('ERR_DECODE_VALUE', `unknown template ${JSON.stringify(name)}`);
  }
  const fields = parseTemplateData(template, fromBase64(data, 'ima'));
  const nameBytes = template.isLegacy ? (fields.get('n') ?? EMPTY).length : 0;
  if (nameBytes >= LEGACY_NAME_BYTES) {
    fail('ERR_DECODE_LIMIT', `name of ${nameBytes} bytes, less than ${LEGACY_NAME_BYTES}`);
  }
  const digest = fileDigest(template, fields);
  return { template: name, path: pathOf(template, fields), digest, fields };
}

/** Data of the first template as a list has it: hashed, the name is padded. */
function legacyData({ fields }: Pick<ImaEntry, 'fields'>): Uint8Array {
  const name = fields.get('n') ?? EMPTY;
  const writer = new ByteWriter('little').bytes(fields.get('d') ?? EMPTY);
  return writer.u32(name.length).bytes(name).finish();
}

function fail(code: DecodeError['code'], message: string): never {
  throw new DecodeError(code, message, { path: ['ima', 'entry'], offset: 0 });
}
