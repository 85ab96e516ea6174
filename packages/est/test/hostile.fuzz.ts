import { concatBytes, decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { fuzzDecoder } from '@cmc/testkit';
import {
  attestEnrollRequest,
  decodeBase64Lines,
  decodeCertsOnly,
  decodeCsrAttributes,
  decodeMultipart,
  decryptData,
  encodeCsrAttributes,
  encryptData,
  parseCsr,
  parseMediaType,
  tpmActivateEnrollRequest,
  tpmActivateEnrollResponse,
  tpmCertifyEnrollRequest,
  verifyCsr,
} from '../src/index.ts';
import { vectorBody, vectorBytes, vectorText } from './vectors.ts';

const BODIES = [
  'attestEnrollRequest',
  'tpmCertifyEnrollRequest',
  'tpmActivateEnrollRequest',
  'tpmActivateEnrollResponse',
].map(vectorBody);

/** Content type and body in one input: the content type ends at the first zero byte. */
const seeds = BODIES.map(({ contentType, body }) =>
  concatBytes(encodeUtf8(contentType), new Uint8Array(1), body),
);
const split = (input: Uint8Array): { contentType: string; body: Uint8Array } => {
  const zero = input.indexOf(0);
  const end = zero < 0 ? input.length : zero;
  return { contentType: decodeUtf8(input.subarray(0, end)), body: input.subarray(end + 1) };
};

fuzzDecoder({ name: 'decodeMultipart', seeds, decode: (input) => decodeMultipart(split(input)) });

for (const [name, format] of Object.entries({
  attestEnrollRequest,
  tpmCertifyEnrollRequest,
  tpmActivateEnrollRequest,
  tpmActivateEnrollResponse,
})) {
  fuzzDecoder({ name, seeds, decode: (input) => format.decode(split(input)) });
}

fuzzDecoder({
  name: 'parseMediaType',
  seeds: [
    'multipart/mixed; boundary="a b"',
    'application/pkcs7-mime; smime-type=certs-only',
    'text/plain;charset=utf-8 ; a="\\""',
  ].map(encodeUtf8),
  decode: (input) => parseMediaType(decodeUtf8(input)),
});

fuzzDecoder({
  name: 'decodeBase64Lines',
  seeds: [encodeUtf8(vectorText('certsOnly', 'base64')), encodeUtf8('AQ==\r\n')],
  decode: (input) => decodeBase64Lines(input),
});

fuzzDecoder({
  name: 'decodeCertsOnly',
  seeds: [vectorBytes('certsOnly', 'message')],
  decode: (input) => decodeCertsOnly(input),
});

fuzzDecoder({
  name: 'parseCsr and verifyCsr',
  seeds: [vectorBytes('csr', 'der')],
  decode: async (input) => {
    const csr = parseCsr(input);
    const { ok } = await verifyCsr(csr);
    if (ok && Buffer.compare(csr.raw, vectorBytes('csr', 'der')) !== 0) {
      throw new Error('a changed request is accepted');
    }
  },
});

fuzzDecoder({
  name: 'decodeCsrAttributes',
  seeds: [
    encodeCsrAttributes([
      { oid: '1.2.840.113549.1.9.7' },
      { oid: '1.2.840.10045.2.1', values: [vectorBytes('csr', 'spki')] },
    ]),
  ],
  decode: (input) => decodeCsrAttributes(input),
});

const key = vectorBytes('encryptedData', 'key');
fuzzDecoder({
  name: 'decryptData',
  seeds: [
    vectorBytes('encryptedData', 'message'),
    encryptData(vectorBytes('encryptedData', 'content'), { key, spelling: 'rfc5084' }),
  ],
  decode: (input) => {
    const content = decryptData(input, key);
    if (Buffer.compare(content, vectorBytes('encryptedData', 'content')) !== 0) {
      throw new Error('a changed message is accepted');
    }
  },
});
