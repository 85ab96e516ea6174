import type { AttestationResult } from '@cmc/attestationreport';
import { createPublisher } from '@cmc/publish';

const publisher = createPublisher({
  publishFile: 'result.json',
  publishOcsf: 'https://siem.example.org/findings',
  publishToken: '/etc/cmc/siem-token',
});

/** Tells everybody who is to know; prints what they missed. */
export async function tell(result: AttestationResult): Promise<void> {
  for (const { location, error } of await publisher.publish(result)) {
    if (error !== undefined) console.log(`${location}: ${error.code}`);
  }
}
