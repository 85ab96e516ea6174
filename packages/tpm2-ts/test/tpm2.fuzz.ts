import { ByteWriter, CmcError, concatBytes, fromHex } from '@cmc/bytes';
import { fuzzDecoder } from '@cmc/testkit';
import { Tpm, trimCertificate } from '../src/index.ts';
import {
  decodeEkSpki,
  decodeTpmlPcrSelection,
  decodeTpmsAttest,
  decodeTpmsCreationData,
  decodeTpmtPublic,
  decodeTpmtSignature,
  verifyCreation,
  verifyQuote,
} from '../src/verify/index.ts';
import { encodeQuote, NONCE, VALUES } from './support/signed-quote.ts';
import { readText, readVector, spkiOfPem } from './support/vectors.ts';

const ATTESTS = [
  encodeQuote(),
  readVector('vm-ovmf', 'quote-1-ecc-sha256.attest.bin'),
  readVector('tpm-quote', 'webauthn-certify-1/attest.bin'),
];
const SIGNATURES = ['ecc', 'rsa'].map((key) =>
  readVector('vm-ovmf', `quote-1-${key}-sha256.sig.bin`),
);
const PUBLICS = ['ak-ecc', 'ak-rsa', 'ek-ecc', 'ek-rsa'].map((name) =>
  readVector('vm-ovmf', `${name}.tpmt_public.bin`),
);
const SPKI = spkiOfPem(readText('vm-ovmf', 'ak-ecc.pem'));
const SELECTION = fromHex('00000002000403010203000b03ff0000');

fuzzDecoder({ name: 'TPMS_ATTEST', seeds: ATTESTS, decode: decodeTpmsAttest });
fuzzDecoder({ name: 'TPMT_SIGNATURE', seeds: SIGNATURES, decode: decodeTpmtSignature });
fuzzDecoder({ name: 'TPMT_PUBLIC', seeds: PUBLICS, decode: decodeTpmtPublic });
fuzzDecoder({ name: 'TPML_PCR_SELECTION', seeds: [SELECTION], decode: decodeTpmlPcrSelection });
fuzzDecoder({
  name: 'TPMS_CREATION_DATA',
  seeds: [
    concatBytes(SELECTION, fromHex('000001000b000400000001000400000001 0000'.replace(' ', ''))),
  ],
  decode: decodeTpmsCreationData,
});
fuzzDecoder({ name: 'SubjectPublicKeyInfo', seeds: [SPKI], decode: decodeEkSpki });
fuzzDecoder({
  name: 'content of an NV index',
  seeds: [readVector('vm-ovmf', 'ek-rsa.crt.der')],
  decode: trimCertificate,
});

fuzzDecoder({
  name: 'verifyQuote',
  seeds: [...ATTESTS, ...SIGNATURES, ...PUBLICS, SPKI],
  decode: async (bytes) => {
    const verdicts = await Promise.all([
      verifyQuote({ attest: bytes, signature: bytes, key: { spki: bytes }, nonce: NONCE }),
      verifyQuote({
        attest: ATTESTS[0] ?? bytes,
        signature: bytes,
        key: { publicArea: bytes },
        nonce: NONCE,
        pcrs: VALUES,
      }),
      verifyCreation({
        attest: bytes,
        signature: SIGNATURES[0] ?? bytes,
        key: { publicArea: PUBLICS[0] ?? bytes },
        qualifyingData: NONCE,
        object: bytes,
        creationData: bytes,
      }),
    ]);
    if (verdicts.some(({ ok }) => ok)) throw new Error('a forged attestation was accepted');
  },
});

/** Commands whose responses are the most intricate. */
const COMMANDS: readonly ((tpm: Tpm) => Promise<unknown>)[] = [
  (tpm) => tpm.getRandom(4),
  (tpm) => tpm.pcrs.read('SHA-256', [0, 1, 2]),
  (tpm) => tpm.pcrs.event(16, new Uint8Array(1)),
  (tpm) => tpm.capabilities.handles(0x8000_0000),
  (tpm) => tpm.capabilities.pcrBanks(),
  (tpm) => tpm.openPersistent(0x8101_0001),
  (tpm) => tpm.nv.read(0x01c0_0002),
  (tpm) => tpm.startSession({ type: 'policy' }),
];
const RESPONSES = [
  fromHex('80010000001000000000 0004aabbccdd'.replace(' ', '')),
  fromHex('80010000001300000000 00000000010000000180000000'.replace(' ', '')),
  new ByteWriter()
    .u16(0x8001)
    .u32(10 + 4 + 10 + 4 + 34)
    .u32(0)
    .u32(1)
    .bytes(fromHex('00000001000b03010000'))
    .u32(1)
    .sized16(new Uint8Array(32))
    .finish(),
];
fuzzDecoder({
  name: 'responses of a TPM',
  seeds: [...RESPONSES, ...PUBLICS],
  decode: async (bytes) => {
    // The size is made right, or little else would be reached.
    const response = bytes.slice();
    if (response.length >= 10) new DataView(response.buffer).setUint32(2, response.length);
    const transport = { transmit: async () => response.slice(), close: async () => {} };
    const results = await Promise.allSettled(
      COMMANDS.map((command) => command(new Tpm(transport, { maxRetries: 0 }))),
    );
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    const finding = failures.find((error) => !(error instanceof CmcError));
    if (failures.length > 0) throw finding ?? failures[0];
  },
});
