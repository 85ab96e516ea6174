import { decodeUtf8, encodeUtf8, fromHex } from '@cmc/bytes';
import { fuzzDecoder } from '@cmc/testkit';
import { describe } from 'vitest';
import { splitBlob } from '../src/metadata/blob.ts';
import { parseListing } from '../src/metadata/listing.ts';

describe('hostile input', () => {
  fuzzDecoder({
    name: 'blob of metadata',
    seeds: [
      encodeUtf8('{"payload":"e30","protected":"e30","signature":"AA"}\n{"a":[{}]}\0\0'),
      fromHex('d8628440a0416181834301020340420102d8628440a041618100'),
    ],
    decode: (bytes) => splitBlob(bytes),
  });
  fuzzDecoder({
    name: 'directory listing',
    seeds: [encodeUtf8('<pre>\n<a href="a">a</a>\n<a href="b/">b&amp;c/</a>\n</pre>')],
    decode: (bytes) => parseListing(decodeUtf8(bytes)),
  });
});
