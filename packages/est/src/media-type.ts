import { DecodeError } from '@cmc/bytes';

/** Media types of EST and its extensions. */
export const MEDIA_TYPE = {
  csr: 'application/pkcs10',
  certificates: 'application/pkcs7-mime',
  csrAttributes: 'application/csrattrs',
  encryptedData: 'application/pkcs7-mime; smime-type=enveloped-data',
  bytes: 'application/octet-stream',
  json: 'application/json',
  text: 'text/plain',
  multipart: 'multipart/mixed',
} as const;

/** A media type, RFC 9110 section 8.3.1. */
export interface MediaType {
  /** Lower case: `multipart/mixed`. */
  readonly type: string;
  /** By lower-case name. */
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_CHARACTERS = 512;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const TYPE = new RegExp(`^${TOKEN}/${TOKEN}`);
const PARAMETER = new RegExp(
  `^[ \\t]*;[ \\t]*(${TOKEN})=(?:(${TOKEN})|"((?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\t\\x20-\\x7e])*)")`,
);

/** The media type in `text`, and nothing else. @throws {DecodeError} */
export function parseMediaType(text: string): MediaType {
  const fail = (
    code: 'ERR_DECODE_FORMAT' | 'ERR_DECODE_LIMIT' | 'ERR_DECODE_DUPLICATE',
    problem: string,
    offset = 0,
  ): never => {
    throw new DecodeError(code, problem, { path: ['media type'], offset });
  };
  if (text.length > MAX_CHARACTERS) {
    fail('ERR_DECODE_LIMIT', `${text.length} characters, at most ${MAX_CHARACTERS}`);
  }
  const type = TYPE.exec(text)?.[0] ?? fail('ERR_DECODE_FORMAT', 'expected type/subtype');
  const parameters = new Map<string, string>();
  let rest = text.slice(type.length).replace(/[ \t]+$/, '');
  while (rest !== '') {
    const offset = text.length - rest.length;
    const match = PARAMETER.exec(rest);
    if (match === null) return fail('ERR_DECODE_FORMAT', 'expected ; name=value', offset);
    const [all, name = '', token, quoted = ''] = match;
    const key = name.toLowerCase();
    if (parameters.has(key)) fail('ERR_DECODE_DUPLICATE', `${key} occurs twice`, offset);
    parameters.set(key, token ?? quoted.replace(/\\(.)/g, '$1'));
    rest = rest.slice(all.length);
  }
  return { type: type.toLowerCase(), parameters };
}
