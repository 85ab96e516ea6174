import { isAllowedName } from '../config/name-pattern.ts';
import { HttpError } from '../http/http-error.ts';
import type { ProvRequestHead } from '../http/route.ts';
import type { Store, TokenRefusal } from '../store/store.ts';
import type { Grant } from './grant.ts';
import { parseToken, type Token } from './token.ts';

const CHALLENGE = { 'www-authenticate': 'Bearer' };
const SCHEME = /^Bearer +/i;

/** What the holder of a token may have. */
export interface TokenGrant extends Grant {
  readonly id: string;
}

/** The token that comes with a request, not checked. @throws {HttpError} 401 */
export function tokenOf({ headers }: Pick<ProvRequestHead, 'headers'>): Token {
  const { authorization } = headers;
  if (authorization === undefined) {
    throw new HttpError(401, 'a token is needed: Authorization: Bearer <token>', CHALLENGE);
  }
  const token = parseToken(authorization.replace(SCHEME, ''));
  if (token === undefined || !SCHEME.test(authorization)) throw refusedToken('unknown');
  return token;
}

/** What a token is good for; it is spent when the certificate is recorded. @throws {HttpError} 401 */
export async function checkToken(
  token: Token,
  spkiSha256: string,
  { store, now }: { readonly store: Store; readonly now: Date },
): Promise<TokenGrant> {
  const check = await store.checkToken(token.id, token.secretHash, spkiSha256, now);
  if (!check.ok) throw refusedToken(check.reason);
  return {
    by: 'the token',
    id: token.id,
    allows: (name) => isAllowedName(name, check.allowedNames),
  };
}

/** A token that does not count. Only who knows its secret is told that it is spent or expired. */
export function refusedToken(reason: TokenRefusal): HttpError {
  const problem = reason === 'unknown' ? 'is not valid' : `is ${reason}`;
  return new HttpError(401, `the token ${problem}`, CHALLENGE);
}
