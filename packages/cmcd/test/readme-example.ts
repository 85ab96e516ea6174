import { rootCertificates } from 'node:tls';
import { createNonce, explain } from '@cmc/attestationreport';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { createCmc } from '@cmc/cmcd';
import { createSwDriver, openContainerLog } from '@cmc/driver-sw';

await using cmc = await createCmc({
  metadataRoots: parsePemCertificates(rootCertificates[0] ?? ''), // who may sign metadata
  metadata: [], // signed manifests: made with metatool, read with createMetadataSource()
  measurers: [await createSwDriver({ containerLog: openContainerLog({ path: 'log.json' }) })],
  name: 'demo',
});
const nonce = createNonce();
const { report } = await cmc.attest({ nonce });
const { result } = await cmc.verify({ nonce, report });
for (const sentence of explain(result)) console.log(sentence);
// The report of demo is refused. …
