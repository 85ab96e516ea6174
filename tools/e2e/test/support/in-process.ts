import type { AttestationRequest, Cmc, VerificationRequest } from '@cmc/api';
import { createCmc, type LocalCmc } from '@cmc/cmcd';
import type { Party, Testbed } from '@cmc/testbed';
import { onTestFinished } from 'vitest';

/** The daemon of a party without its process, until the test is over. */
export async function createPartyCmc(
  testbed: Testbed,
  party: Party,
  metadata: Parameters<typeof createCmc>[0]['metadata'] = party.metadata,
): Promise<LocalCmc> {
  const cmc = await createCmc({
    metadataRoots: testbed.metadataRoots,
    measurers: [party.driver],
    metadata,
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

/** A daemon, and what it is asked, oldest first. */
export interface RecordedCmc {
  readonly cmc: Cmc;
  readonly attested: AttestationRequest[];
  readonly verified: VerificationRequest[];
}

export function recorded(cmc: Cmc): RecordedCmc {
  const attested: AttestationRequest[] = [];
  const verified: VerificationRequest[] = [];
  return {
    attested,
    verified,
    cmc: {
      ...cmc,
      attest: (request, options) => {
        attested.push(request);
        return cmc.attest(request, options);
      },
      verify: (request, options) => {
        verified.push(request);
        return cmc.verify(request, options);
      },
    },
  };
}
