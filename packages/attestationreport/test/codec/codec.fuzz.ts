import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeUtf8, fromHex } from '@cmc/bytes';
import { fuzzDecoder, vectorsDir } from '@cmc/testkit';
import {
  attestationResultSchema,
  decodeCbor,
  decodeReport,
  decodeStruct,
  detectSerialization,
  encodeCbor,
  encodeReport,
  encodeStruct,
  metadataSchema,
  parseJson,
  type StructSchema,
  stringifyGoJson,
} from '../../src/codec/index.ts';

const folder = join(vectorsDir(), 'report');
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
const hexFile = (name: string): Uint8Array =>
  fromHex(readFileSync(join(folder, name), 'utf8').trim());
const entries: readonly {
  readonly type: string;
  readonly jsonText: string;
  readonly cborHex: string;
}[] = JSON.parse(readFileSync(join(folder, 'encoding-vectors.json'), 'utf8'));

const vectorsOf = (type?: string): readonly Uint8Array[] =>
  entries
    .filter((entry) => type === undefined || entry.type === type)
    .flatMap(({ jsonText, cborHex }) => [encodeUtf8(jsonText), fromHex(cborHex)]);

/** What decodes must also encode, and decode again to the same bytes. */
function roundTrip<T>(schema: StructSchema<T>, bytes: Uint8Array): void {
  const { value } = decodeStruct(schema, bytes);
  for (const serialization of ['json', 'cbor'] as const) {
    const encoded = encodeStruct(schema, value, serialization);
    const again = encodeStruct(schema, decodeStruct(schema, encoded).value, serialization);
    requireEqual(again, encoded);
  }
}

function requireEqual(a: Uint8Array, b: Uint8Array): void {
  if (Buffer.compare(a, b) !== 0) throw new Error('encoding changes with a second journey');
}

const jsonFiles = readdirSync(folder).filter((name) => name.endsWith('.json'));

fuzzDecoder({
  name: 'decodeReport',
  seeds: [file('report.json'), hexFile('report.cbor.hex')],
  decode(bytes) {
    const { report, serialization } = decodeReport(bytes);
    const encoded = encodeReport(report, serialization);
    requireEqual(encodeReport(decodeReport(encoded).report, serialization), encoded);
  },
});

fuzzDecoder({
  name: 'decodeStruct of metadata',
  seeds: [
    ...vectorsOf('Metadata'),
    ...['manifest.json', 'manifest-container.json', 'image-description.json'].map(file),
  ],
  decode: (bytes) => roundTrip(metadataSchema, bytes),
});

fuzzDecoder({
  name: 'decodeStruct of attestation results',
  seeds: [
    ...vectorsOf('AttestationResult'),
    file('attestation-result.json'),
    hexFile('attestation-result.cbor.hex'),
  ],
  decode: (bytes) => roundTrip(attestationResultSchema, bytes),
});

fuzzDecoder({
  name: 'decodeStruct of attestation results, tolerant',
  seeds: [...vectorsOf('AttestationResult'), hexFile('attestation-result.cbor.hex')],
  decode: (bytes) => decodeStruct(attestationResultSchema, bytes, { canonical: false }),
});

fuzzDecoder({
  name: 'decodeCbor',
  seeds: vectorsOf(),
  decode: (bytes) => requireEqual(encodeCbor(decodeCbor(bytes, { tags: [98] })), bytes),
});

fuzzDecoder({
  name: 'decodeCbor, tolerant',
  seeds: vectorsOf(),
  decode: (bytes) => decodeCbor(bytes, { canonical: false }),
});

fuzzDecoder({
  name: 'parseJson',
  seeds: [...vectorsOf(), ...jsonFiles.map(file)],
  decode(bytes) {
    const text = stringifyGoJson(parseJson(bytes));
    requireEqual(encodeUtf8(stringifyGoJson(parseJson(encodeUtf8(text)))), encodeUtf8(text));
  },
});

fuzzDecoder({
  name: 'detectSerialization',
  seeds: [...vectorsOf(), hexFile('report.cbor.hex')],
  decode: detectSerialization,
});
