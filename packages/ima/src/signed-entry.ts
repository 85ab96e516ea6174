import { DecodeError, fromBase64, toBase64 } from '@cmc/bytes';
import { fileDigest, type ImaEntry, parseTemplateData, pathOf } from './entry.ts';
import { fieldsOf } from './entry-digest.ts';
import { hasFileSignature } from './signature.ts';
import { templateByName } from './templates.ts';

/** More than the longest path and signature of a file have. */
const MAX_CHARACTERS = 16 * 1024;

/** An entry with the signature of a file; what else a list says of it is not in its text. */
export type SignedImaEntry = Pick<ImaEntry, 'template' | 'path' | 'digest' | 'fields'>;

/**
 * An entry as text: name of the template, a space, and the template data (little-endian) in Base64.
 * `undefined` for one without the signature of a file, of a violation, and one that is too long.
 */
export function encodeSignedEntry(entry: ImaEntry): string | undefined {
  if (entry.isViolation || !hasFileSignature(entry)) return undefined;
  const text = `${entry.template} ${toBase64(fieldsOf(entry))}`;
  return text.length > MAX_CHARACTERS ? undefined : text;
}

/**
 * What {@link encodeSignedEntry} made a text of. Neither its digest nor its signature is verified.
 * @throws {DecodeError} anything else
 */
export function decodeSignedEntry(text: string): SignedImaEntry {
  if (text.length > MAX_CHARACTERS) {
    fail('ERR_DECODE_LIMIT', `${text.length} characters, at most ${MAX_CHARACTERS}`);
  }
  const [name = '', data, ...more] = text.split(' ');
  if (data === undefined || more.length > 0) {
    fail('ERR_DECODE_FORMAT', 'expected a template and its data');
  }
  const template = templateByName(name);
  if (template === undefined || template.isLegacy) {
    fail('ERR_DECODE_VALUE', `no template with signatures: ${JSON.stringify(name)}`);
  }
  const fields = parseTemplateData(template, fromBase64(data, 'ima'));
  const digest = fileDigest(template, fields);
  const entry = { template: name, path: pathOf(template, fields), digest, fields };
  if (!hasFileSignature(entry)) fail('ERR_DECODE_VALUE', 'no signature of a file');
  return entry;
}

function fail(code: DecodeError['code'], message: string): never {
  throw new DecodeError(code, message, { path: ['ima', 'entry'], offset: 0 });
}
