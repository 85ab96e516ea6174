import { fuzzDecoder } from '@cmc/testkit';
import { parseEventData, parseEventLog, secureBootState } from '../src/index.ts';
import { readVector } from './vectors.ts';

const seeds = [
  'vm-ovmf/eventlog.bin',
  'eventlog/tpm2tools-four-banks.bin',
  'eventlog/ccel-unpadded-small.bin',
  'eventlog/cmc-mrtool-legacy-sha1.bin',
];

for (const format of ['tcg', 'ccel'] as const) {
  fuzzDecoder({
    name: `parseEventLog ${format}`,
    seeds: seeds.map((path) => readVector(...path.split('/'))),
    decode: (bytes) => {
      const log = parseEventLog(bytes, { format });
      for (const event of log.events) parseEventData(event, { readCertificate: (der) => der });
      secureBootState(log, 'SHA-256');
    },
  });
}
