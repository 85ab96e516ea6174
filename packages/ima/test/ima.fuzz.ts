import { fuzzDecoder } from '@cmc/testkit';
import { imaAsciiToBinary, parseImaList } from '../src/index.ts';
import { readVector } from './vectors.ts';

fuzzDecoder({
  name: 'parseImaList',
  seeds: [
    'vm-ovmf/ima-1.bin',
    'ima/tss-ima-sig-one-violation.bin',
    'ima/tss-ima-violation.bin',
  ].map((path) => readVector(...path.split('/'))),
  decode: (bytes) => parseImaList(bytes, { bank: 'SHA-256', checkTemplateDigests: true }),
});

fuzzDecoder({
  name: 'imaAsciiToBinary',
  seeds: ['vm-ovmf/ima-1.txt', 'ima/keylime-two-lines-sha1.txt'].map((path) =>
    readVector(...path.split('/')),
  ),
  decode: (bytes) => imaAsciiToBinary(new TextDecoder().decode(bytes)),
});
