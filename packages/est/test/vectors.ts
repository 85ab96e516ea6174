import { readFileSync } from 'node:fs';
import { encodeUtf8, fromHex } from '@cmc/bytes';
import type { EncodedBody } from '../src/index.ts';

const file = JSON.parse(
  readFileSync(new URL('../vectors/go-est.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, string | string[]>>;

/** Bytes of a hex member of the vectors of the Go implementation. */
export function vectorBytes(name: string, member: string): Uint8Array {
  return fromHex(String(file[name]?.[member]));
}

export function vectorText(name: string, member: string): string {
  return String(file[name]?.[member]);
}

export function vectorCertificates(): Uint8Array[] {
  return [file['certsOnly']?.['certificates']].flat().map((hex) => fromHex(String(hex)));
}

/** A multipart message of the Go implementation. */
export function vectorBody(name: string): EncodedBody {
  return {
    contentType: vectorText(name, 'contentType'),
    body: encodeUtf8(vectorText(name, 'body')),
  };
}
