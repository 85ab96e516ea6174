import { createNonce, verify } from '@cmc/attestationreport';
import { atLeast, type Figure, throughput } from './benchmark.ts';
import { createWorld } from './world.ts';

const WARM_UP = 300;
const RUNS = 2000;

/** Verification of a software report with three manifests, certificates and metadata known. */
export async function verifyReport(folder: string): Promise<readonly Figure[]> {
  const world = await createWorld(folder);
  const cmc = await world.createCmc();
  const figures: Figure[] = [];
  for (const serialization of ['json', 'cbor'] as const) {
    const nonce = createNonce();
    const { report } = await cmc.attest({ nonce }, { serialization });
    const run = async (): Promise<void> => {
      const { ok } = await verify(report, { nonce, metadataRoots: world.roots });
      if (!ok) throw new Error('the report was refused');
    };
    await throughput(WARM_UP, 1, run);
    figures.push(
      atLeast(`verifications, ${serialization}`, await throughput(RUNS, 1, run), '/s', 1000),
    );
  }
  return figures;
}
