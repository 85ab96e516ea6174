import type { IncomingMessage } from 'node:http';
import type { BodyBudget } from './body-budget.ts';
import { HttpError } from './http-error.ts';

/** A body, and what gives its memory back to the budget. */
export interface ReadBody {
  readonly body: Uint8Array;
  release(): void;
}

const FIRST_BYTES = 16 * 1024;

/**
 * The body of a request, of at most `most` bytes. Memory is taken as bytes arrive, whatever length
 * was announced and however small the pieces are.
 */
export async function readBody(
  incoming: IncomingMessage,
  most: number,
  budget: BodyBudget,
): Promise<ReadBody> {
  const announced = Number(incoming.headers['content-length'] ?? 0);
  if (announced > most) throw tooLong(most);
  let buffer = new Uint8Array();
  let length = 0;
  const release = (): void => budget.give(buffer.length);
  const grow = (needed: number): void => {
    const size = Math.min(Math.max(needed, buffer.length * 2, FIRST_BYTES), most);
    if (!budget.take(size)) throw new HttpError(503, 'too much at once', { 'retry-after': '5' });
    const larger = new Uint8Array(size);
    larger.set(buffer.subarray(0, length));
    release();
    buffer = larger;
  };
  try {
    // What refuses the request has to be sent on the same connection.
    const arriving: AsyncIterable<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
    for await (const chunk of arriving) {
      if (length + chunk.length > most) throw tooLong(most);
      if (length + chunk.length > buffer.length) grow(length + chunk.length);
      buffer.set(chunk, length);
      length += chunk.length;
    }
    return { body: buffer.subarray(0, length), release };
  } catch (error) {
    release();
    throw error;
  }
}

function tooLong(most: number): HttpError {
  return new HttpError(413, `the body is too long: at most ${most} bytes`);
}
