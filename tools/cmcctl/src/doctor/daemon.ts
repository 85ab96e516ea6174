import { API_VERSION } from '@cmc/api';
import { CmcError } from '@cmc/bytes';
import { daemonAddress, withDaemon } from '../daemon.ts';
import type { CmcctlSettings } from '../settings.ts';
import type { Check } from './check.ts';

const NOBODY = '00'.repeat(32);

/** Whether the daemon answers, and speaks this version of the API. */
export async function daemonCheck(settings: CmcctlSettings): Promise<Check> {
  const id = 'daemon';
  const { address } = daemonAddress(settings);
  try {
    await withDaemon(settings, (cmc, signal) => cmc.peerCache({ peer: NOBODY }, { signal }));
    return { id, state: 'ok', text: `the daemon at ${address} speaks API version ${API_VERSION}` };
  } catch (error) {
    if (!(error instanceof CmcError)) throw error;
    const text = `${error.code}: ${error.message}`;
    switch (error.code) {
      case 'ERR_API_VERSION':
        return { id, state: 'problem', text, remedy: 'bring cmcctl and cmcd to the same release' };
      case 'ERR_API_UNAVAILABLE': {
        const remedy =
          'start cmcd, or name its address with --cmc-addr; standalone commands need none';
        // Without an address, nobody said that there should be one.
        const state = settings.cmcAddr === undefined ? 'absent' : 'problem';
        return { id, state, text, remedy };
      }
      default:
        return { id, state: 'problem', text, remedy: 'look at the log of cmcd' };
    }
  }
}
