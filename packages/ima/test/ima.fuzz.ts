import { concatBytes, encodeUtf8, fromHex } from '@cmc/bytes';
import { fuzzDecoder } from '@cmc/testkit';
import {
  createImaKeyring,
  decodeImaEntry,
  encodeImaEntry,
  imaAsciiToBinary,
  imaEntryDigest,
  parseImaList,
  verifyImaSignature,
} from '../src/index.ts';
import { digestField, hashOf, nul, writeEntry } from './list-writer.ts';
import { readVector } from './vectors.ts';

const DIGEST = hashOf('sha256', encodeUtf8('file'));
const NG = digestField('sha256', DIGEST);
const SIG = fromHex('030204aabbccdd000401020304');
const NONE = new Uint8Array(0);
const NUMBERS = [fromHex('e8030000'), fromHex('64000000'), fromHex('ed81')];
/** One entry of each template that no vector has. */
const TEMPLATES = concatBytes(
  ...[
    { template: 'ima-ngv2', fields: [digestField('ima:sha256', DIGEST), nul('/a')] },
    { template: 'ima-sigv2', fields: [digestField('verity:sha256', DIGEST), nul('/b'), SIG] },
    { template: 'ima-modsig', fields: [NG, nul('/c'), NONE, NG, SIG] },
    { template: 'evm-sig', fields: [NG, nul('/d'), SIG, nul('x|y'), NONE, NONE, ...NUMBERS] },
    { template: 'd-ng|n-ng|imode', fields: [NG, nul('/e'), NONE] },
  ].map(writeEntry),
);
const keyring = createImaKeyring([]);

fuzzDecoder({
  name: 'parseImaList',
  seeds: [
    ...['vm-ovmf/ima-1.bin', 'ima/tss-ima-sig-one-violation.bin', 'ima/tss-ima-violation.bin'].map(
      (path) => readVector(...path.split('/')),
    ),
    TEMPLATES,
  ],
  decode: (bytes) => {
    const { entries } = parseImaList(bytes, { bank: 'SHA-256', checkTemplateDigests: true });
    for (const entry of entries) verifyImaSignature(entry, keyring);
  },
});

fuzzDecoder({
  name: 'imaAsciiToBinary',
  seeds: ['vm-ovmf/ima-1.txt', 'ima/keylime-two-lines-sha1.txt'].map((path) =>
    readVector(...path.split('/')),
  ),
  decode: (bytes) => imaAsciiToBinary(new TextDecoder().decode(bytes)),
});

fuzzDecoder({
  name: 'decodeImaEntry',
  seeds: [
    ...parseImaList(TEMPLATES, { bank: 'SHA-256' }).entries,
    {
      template: 'ima',
      fields: new Map([
        ['d', DIGEST.subarray(0, 20)],
        ['n', encodeUtf8('/f')],
      ]),
      isViolation: false,
    },
  ].map((entry) => encodeUtf8(encodeImaEntry(entry) ?? '')),
  decode: (bytes) => {
    const entry = decodeImaEntry(new TextDecoder().decode(bytes));
    imaEntryDigest({ ...entry, isViolation: false }, { bank: 'SHA-256' });
  },
});
