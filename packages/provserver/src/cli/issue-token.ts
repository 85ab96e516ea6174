import { ipOctets, isDnsName, normalName } from '@cmc/est';
import { UsageError } from '@cmc/host';
import { createToken } from '../auth/token.ts';
import type { Store } from '../store/store.ts';
import { parseDuration } from './duration.ts';

export interface IssueTokenOptions {
  /** DNS names and IP addresses that the token is good for. Default: any. */
  readonly names?: readonly string[];
  /** How long it is good, as {@link parseDuration} takes it. */
  readonly valid: string;
  /** Remark that is kept with the token. */
  readonly note?: string;
  readonly now: Date;
}

/** A token for who is to enrol, as commands show it. */
export interface IssuedToken {
  /** The secret; it is kept nowhere. */
  readonly token: string;
  readonly id: string;
  /** RFC 3339. */
  readonly expiresAt: string;
  readonly allowedNames: readonly string[];
}

const ANY_NAME = '*';

/** Makes a single-use token and records it in the store. @throws {UsageError} names, duration */
export async function issueToken(store: Store, options: IssueTokenOptions): Promise<IssuedToken> {
  const { names, valid, note, now } = options;
  const allowedNames = names?.map(checkName) ?? [ANY_NAME];
  const expiresAt = new Date(now.getTime() + parseDuration(valid, '--valid'));
  const { id, secretHash, text } = createToken();
  const fields = { id, secretHash, expiresAt, allowedNames };
  await store.createToken({ ...fields, ...(note === undefined ? {} : { note }) }, now);
  return { token: text, id, expiresAt: expiresAt.toISOString(), allowedNames };
}

function checkName(name: string): string {
  if (ipOctets(name) !== undefined || isDnsName(name)) return normalName(name);
  throw new UsageError(`--names: expected DNS names and IP addresses, got "${name}"`);
}
