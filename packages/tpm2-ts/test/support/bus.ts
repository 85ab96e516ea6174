import { type TapOptions, type TpmTap, tapTpm } from '@cmc/testkit';
import { openTpm, type Tpm } from '../../src/index.ts';
import { openSocket } from '../../src/transport/index.ts';
import type { Swtpm } from './swtpm.ts';

/** A connection to a software TPM with somebody on the way. */
export interface TappedTpm extends Pick<TpmTap, 'saw' | 'sent'> {
  readonly tpm: Tpm;
}

export async function openTapped(swtpm: Swtpm, options: TapOptions = {}): Promise<TappedTpm> {
  const { transport, saw, sent } = tapTpm(await openSocket({ path: swtpm.path }), options);
  return { tpm: await openTpm({ transport }), saw, sent };
}
