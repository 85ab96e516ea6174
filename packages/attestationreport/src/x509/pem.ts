import { DecodeError, type DecodeErrorCode, decodeUtf8, fromBase64, toBase64 } from '@cmc/bytes';
import { decodePublicKeyInfo } from '../crypto/index.ts';
import { type Certificate, parseCertificate } from './certificate.ts';

/** Most blocks in one text. */
export const MAX_PEM_BLOCKS = 1024;

const BEGIN = '-----BEGIN ';
const CERTIFICATE = 'CERTIFICATE';
const PUBLIC_KEY = 'PUBLIC KEY';

/**
 * The certificates of PEM text (RFC 7468), in order. Text around the blocks is ignored, as people
 * write comments there; a block that is not a certificate is refused.
 * @throws {DecodeError} ERR_DECODE_MISSING when there is none
 */
export function parsePemCertificates(text: string): Certificate[] {
  return parsePemBlocks(text, CERTIFICATE).map(parseCertificate);
}

/**
 * The SubjectPublicKeyInfo, DER, of PEM text with exactly one block `PUBLIC KEY`.
 * @throws {DecodeError}
 */
export function parsePemPublicKey(text: string): Uint8Array {
  const [spki, ...more] = parsePemBlocks(text, PUBLIC_KEY);
  if (spki === undefined || more.length > 0) {
    throw pemError('ERR_DECODE_VALUE', `expected one block, got ${more.length + 1}`, 0);
  }
  decodePublicKeyInfo(spki);
  return spki;
}

/** PEM text (RFC 7468) of one DER structure. */
export function encodePem(der: Uint8Array, label: string): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `${BEGIN}${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * The DER structures of PEM text (RFC 7468), in order; at least one. Text around the blocks is
 * ignored, a block with another label is refused.
 * @throws {DecodeError} ERR_DECODE_MISSING when there is none
 */
export function parsePemBlocks(text: string, label: string): readonly Uint8Array[] {
  const begin = `${BEGIN}${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Uint8Array[] = [];
  for (let at = text.indexOf(BEGIN); at >= 0; at = text.indexOf(BEGIN, at)) {
    if (!text.startsWith(begin, at)) {
      throw pemError('ERR_DECODE_TYPE', `expected a block with the label ${label}`, at);
    }
    if (blocks.length === MAX_PEM_BLOCKS) {
      throw pemError('ERR_DECODE_LIMIT', `more than ${MAX_PEM_BLOCKS} blocks`, at);
    }
    const start = at + begin.length;
    const stop = text.indexOf('-----', start);
    if (stop < 0 || !text.startsWith(end, stop)) {
      throw pemError('ERR_DECODE_TRUNCATED', `expected ${end}`, start);
    }
    blocks.push(fromBase64(text.slice(start, stop).replace(/[ \t\r\n]/g, ''), 'PEM'));
    at = stop + end.length;
  }
  if (blocks.length === 0) {
    throw pemError('ERR_DECODE_MISSING', `expected a block with the label ${label}`, 0);
  }
  return blocks;
}

/**
 * The structures (DER) in a file: of all its PEM blocks, or, when it is no text with such blocks, the
 * whole of it, whatever that is. Of several labels one counts, the first that is there.
 * @throws {DecodeError} a block with another label, see {@link parsePemBlocks}
 */
export function parsePemOrDer(
  content: Uint8Array,
  ...labels: readonly [string, ...string[]]
): readonly Uint8Array[] {
  const text = textOf(content);
  if (!text.includes(BEGIN)) return [content];
  const label = labels.find((each) => text.includes(`${BEGIN}${each}-----`)) ?? labels[0];
  return parsePemBlocks(text, label);
}

/** What DER is not, as a rule. */
function textOf(content: Uint8Array): string {
  try {
    return decodeUtf8(content);
  } catch (error) {
    if (error instanceof DecodeError) return '';
    throw error;
  }
}

function pemError(code: DecodeErrorCode, message: string, offset: number): DecodeError {
  return new DecodeError(code, message, { path: ['PEM'], offset });
}
