import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExtensionOid } from '@cmc/attestationreport/x509';
import { fuzzDecoder, vectorsDir } from '@cmc/testkit';
import { parseEkCertificate, readEkCertificate } from '../../src/tpm/ek-certificate.ts';
import { tpmIdentityOf } from '../../src/tpm/tpm-identity.ts';

const seeds = ['st-ecc-keylime', 'st-rsa-keylime-trailing', 'intel-ekop-cmc'].map(
  (id) => new Uint8Array(readFileSync(join(vectorsDir(), 'ek', id, 'cert.der'))),
);

fuzzDecoder({
  name: 'EK certificate',
  seeds,
  decode: (bytes) => readEkCertificate(parseEkCertificate(bytes)),
});

fuzzDecoder({
  name: 'names of a TPM',
  seeds: seeds.flatMap((der) => {
    const { extensions } = parseEkCertificate(der);
    return extensions.flatMap(({ oid, value }) =>
      oid === ExtensionOid.subjectAlternativeName ? [value] : [],
    );
  }),
  decode: (value) => {
    const [first] = seeds;
    const certificate = parseEkCertificate(first ?? new Uint8Array());
    const names = { oid: ExtensionOid.subjectAlternativeName, critical: true, value };
    return tpmIdentityOf({ ...certificate, extensions: [names] });
  },
});
