import { concatBytes, fromHex } from '@cmc/bytes';
import { fuzzDecoder } from '@cmc/testkit';
import {
  decodeCspId,
  decodeHwId,
  decodeProductName,
  decodeSvn,
  inspectSnpReport,
  parseRevocationList,
  parseSnpCertificateTable,
  parseSnpReport,
  SnpOid,
} from '../../src/snp/index.ts';
import { bytesOf, caseOf, certificatesOf, timeOf } from './vectors.ts';

const entries = ['milan-v2-virtee', 'genoa-v3-tav', 'turin-v5-routex'].map(caseOf);
const reports = entries.map(({ file }) => bytesOf(file));
const certificates = entries.flatMap((entry) => certificatesOf(entry));

fuzzDecoder({ name: 'parseSnpReport', seeds: reports, decode: (bytes) => parseSnpReport(bytes) });

fuzzDecoder({
  name: 'inspectSnpReport',
  seeds: reports,
  decode: (bytes) =>
    inspectSnpReport(bytes, {
      certificates: certificatesOf(entries[2]!),
      now: timeOf(entries[2]!),
    }),
});

const header = (guid: string, offset: number, length: number): Uint8Array => {
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, offset, true);
  numbers.setUint32(4, length, true);
  return concatBytes(fromHex(guid.replaceAll('-', '')), new Uint8Array(numbers.buffer));
};
fuzzDecoder({
  name: 'parseSnpCertificateTable',
  seeds: [
    new Uint8Array(24),
    concatBytes(
      header('63da758d-e664-4564-adc5-f4b93be8accd', 72, 3),
      header('4ab7b379-bbac-4fe4-a02f-05aef327c782', 75, 2),
      new Uint8Array(24),
      Uint8Array.of(1, 2, 3, 4, 5),
    ),
  ],
  decode: (bytes) => parseSnpCertificateTable(bytes),
});

const oids: ReadonlySet<string> = new Set(Object.values(SnpOid));
fuzzDecoder({
  name: 'extensions of VCEKs and VLEKs',
  seeds: certificates.flatMap(({ extensions }) =>
    extensions.filter(({ oid }) => oids.has(oid)).map(({ value }) => value),
  ),
  decode: (bytes) => {
    for (const decode of [
      decodeSvn,
      decodeProductName,
      decodeCspId,
      (value: Uint8Array) => decodeHwId(value, 64),
    ]) {
      try {
        decode(bytes);
      } catch (error) {
        if (!(error instanceof Error && error.name === 'DecodeError')) throw error;
      }
    }
  },
});

fuzzDecoder({
  name: 'parseRevocationList',
  seeds: [
    fromHex(
      '3081a0304d020101300d06092a864886f70d01010b0500300d310b300906035504030c0243411' +
        '70d3236303130313030303030305a170d3237303130313030303030305a',
    ),
  ],
  decode: (bytes) => parseRevocationList(bytes),
});
