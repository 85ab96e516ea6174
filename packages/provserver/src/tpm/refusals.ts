import { DecodeError } from '@cmc/bytes';
import { HttpError } from '../http/http-error.ts';

/** Something about the TPM that does not count. */
export function refused(problem: string): HttpError {
  return new HttpError(403, problem);
}

/** What `decode` gives. @throws {HttpError} 400 in place of its DecodeError */
export function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new HttpError(400, `${what}: ${cause.message}`, {}, { cause });
  }
}
