import type { Cmc } from '@cmc/api';
import { createCmc } from '@cmc/cmcd';
import type { Party, Testbed } from '@cmc/testbed';
import { onTestFinished } from 'vitest';

/** The daemon of a party without its process, until the test is over. */
export async function createPartyCmc(testbed: Testbed, party: Party): Promise<Cmc> {
  const cmc = await createCmc({
    metadataRoots: testbed.metadataRoots,
    measurers: [party.driver],
    metadata: party.metadata,
  });
  onTestFinished(async () => await cmc[Symbol.asyncDispose]());
  return cmc;
}

/** A daemon that attests over another nonce than it is asked for. */
export function withWrongNonce(cmc: Cmc): Cmc {
  return {
    ...cmc,
    attest: ({ nonce, ...request }, options) =>
      cmc.attest({ ...request, nonce: nonce.map((byte) => byte ^ 1) }, options),
  };
}
