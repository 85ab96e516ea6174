import { createHash, randomBytes } from 'node:crypto';

/** A one-time token as its holder has it, and as the store keeps it. */
export interface Token {
  /** `<id>.<secret>`: shown once. */
  readonly text: string;
  readonly id: string;
  /** SHA-256 of the secret. */
  readonly secretHash: Uint8Array;
}

const ID_BYTES = 6;
const SECRET_BYTES = 24;
/** base64url of the bytes above. */
const TOKEN = /^([A-Za-z0-9_-]{8})\.([A-Za-z0-9_-]{32})$/;

/** A new token, of 192 random bits. */
export function createToken(): Token {
  const id = randomBytes(ID_BYTES).toString('base64url');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { text: `${id}.${secret}`, id, secretHash: hashOf(secret) };
}

/** The token in a text; undefined when it is not of that form. */
export function parseToken(text: string): Token | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return { text, id, secretHash: hashOf(secret) };
}

function hashOf(secret: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(secret).digest());
}
