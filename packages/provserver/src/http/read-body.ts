import type { IncomingMessage } from 'node:http';
import { HttpError } from './http-error.ts';

/** The body of a request, of at most `most` bytes; no more than that is ever held. */
export async function readBody(incoming: IncomingMessage, most: number): Promise<Uint8Array> {
  const announced = Number(incoming.headers['content-length'] ?? 0);
  if (announced > most) throw tooLong(most);
  const chunks: Uint8Array[] = [];
  let length = 0;
  // What refuses the request has to be sent on the same connection.
  const arriving: AsyncIterable<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
  for await (const chunk of arriving) {
    length += chunk.length;
    if (length > most) throw tooLong(most);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks, length));
}

function tooLong(most: number): HttpError {
  return new HttpError(413, `the body is too long: at most ${most} bytes`);
}
