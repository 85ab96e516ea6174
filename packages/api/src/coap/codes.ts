/** Message codes of RFC 7252 (section 12.1) and RFC 7959 (2.9): class in the upper 3 bits, detail below. */
export const CODE = {
  EMPTY: 0x00,
  POST: 0x02,
  CONTENT: 0x45,
  CONTINUE: 0x5f,
  BAD_REQUEST: 0x80,
  BAD_OPTION: 0x82,
  NOT_FOUND: 0x84,
  METHOD_NOT_ALLOWED: 0x85,
  REQUEST_ENTITY_INCOMPLETE: 0x88,
  REQUEST_ENTITY_TOO_LARGE: 0x8d,
  UNSUPPORTED_CONTENT_FORMAT: 0x8f,
  INTERNAL_SERVER_ERROR: 0xa0,
  SERVICE_UNAVAILABLE: 0xa3,
} as const;

/** `2.05` of 0x45. */
export function formatCode(code: number): string {
  return `${code >> 5}.${(code & 0x1f).toString().padStart(2, '0')}`;
}

/** Whether `code` is a method. */
export function isRequest(code: number): boolean {
  return code >> 5 === 0 && code !== CODE.EMPTY;
}

/** Whether `code` is a success, client error or server error. */
export function isResponse(code: number): boolean {
  const codeClass = code >> 5;
  return codeClass === 2 || codeClass === 4 || codeClass === 5;
}
