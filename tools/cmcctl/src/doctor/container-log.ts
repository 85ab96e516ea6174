import { describeError } from '@cmc/host';
import type { Check } from './check.ts';

/** Whether the container log is there and can be read. */
export async function containerLogCheck(path: string): Promise<Check> {
  const id = 'container-log';
  const { openContainerLog } = await import('@cmc/driver-sw');
  try {
    const artifact = await openContainerLog({ path }).read();
    if (artifact === undefined) {
      const remedy = 'start a container with the hook that records it, or correct --container-log';
      return { id, state: 'warning', text: `${path} has no events`, remedy };
    }
    return { id, state: 'ok', text: `${path} has ${artifact.events?.length ?? 0} events` };
  } catch (error) {
    const remedy = 'let the user of the daemon read the file; a broken one must be started anew';
    return { id, state: 'problem', text: `${path}: ${describeError(error)}`, remedy };
  }
}
