import { createFakeCa, fixedClock, flipEachByte, fuzzDecoder } from '@cmc/testkit';

const clock = fixedClock('2026-06-01T12:00:00Z');
const root = createFakeCa({ commonName: 'root', notAfter: new Date('2027-01-01') });
const between = await root.issueCa({ commonName: 'between', pathLength: 0 });
export const server = await between.issue({
  commonName: 'localhost',
  dnsNames: ['localhost'],
  extendedKeyUsage: ['serverAuth'],
  keyAlgorithm: 'EC384',
});
console.log(clock.now(), server.chain.length, server.certificatePem.length > 0);
for (const { offset, bytes } of flipEachByte(server.certificate)) {
  if (bytes[offset] === server.certificate[offset]) console.log('not changed');
}
fuzzDecoder({ name: 'nothing', seeds: [server.certificate], runs: 10, decode: () => undefined });
