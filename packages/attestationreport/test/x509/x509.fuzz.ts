import { decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { createFakeCa, fuzzDecoder } from '@cmc/testkit';
import { decodePublicKeyInfo } from '../../src/crypto/index.ts';
import {
  encodePem,
  extractCertificate,
  parseCertificate,
  parsePemCertificates,
  parsePemPublicKey,
} from '../../src/x509/index.ts';

const ca = createFakeCa({ commonName: 'root', subject: { organization: 'Org', country: 'DE' } });
const { certificate } = await ca.issue({
  commonName: 'leaf',
  extendedKeyUsage: ['serverAuth', '1.2.3.4'],
  dnsNames: ['a.example'],
  ipAddresses: ['192.0.2.1'],
  emailAddresses: ['a@example'],
  uris: ['urn:x'],
});
const rsa = createFakeCa({ keyAlgorithm: 'RSA2048', signature: 'PSS-SHA-384', pathLength: 3 });
const certificates = [certificate, ca.certificate, rsa.certificate];
const spkis = certificates.map((bytes) => parseCertificate(bytes).spki);

fuzzDecoder({
  name: 'parseCertificate',
  seeds: certificates,
  decode: (bytes) => extractCertificate(parseCertificate(bytes)),
});

fuzzDecoder({
  name: 'decodePublicKeyInfo',
  seeds: spkis,
  decode: (bytes) => decodePublicKeyInfo(bytes),
});

fuzzDecoder({
  name: 'parsePemCertificates',
  seeds: [encodeUtf8(ca.pem), encodeUtf8(ca.pem + rsa.pem)],
  decode: (bytes) => parsePemCertificates(decodeUtf8(bytes)),
});

fuzzDecoder({
  name: 'parsePemPublicKey',
  seeds: spkis.map((spki) => encodeUtf8(encodePem(spki, 'PUBLIC KEY'))),
  decode: (bytes) => parsePemPublicKey(decodeUtf8(bytes)),
});
