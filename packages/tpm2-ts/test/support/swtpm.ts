import { isMissing, type Swtpm as StartedSwtpm, startSwtpm as start } from '@cmc/testkit';
import { openTpm, type Tpm } from '../../src/index.ts';

/** Whether the software TPM is missing; with CI set, tests run and fail then. */
export const isSwtpmMissing: boolean = isMissing('swtpm');
export const isTpmToolsMissing: boolean = isMissing('swtpm', 'tpm2_getrandom');

/** A software TPM of its own. */
export interface Swtpm extends StartedSwtpm {
  readonly open: (options?: Parameters<typeof openTpm>[0]) => Promise<Tpm>;
}

/** Starts swtpm on a Unix socket in a folder of its own; with `ek`, EKs and their certificates. */
export async function startSwtpm(options: { readonly ek?: boolean } = {}): Promise<Swtpm> {
  const swtpm = await start(options);
  return { ...swtpm, open: (more = { socket: { path: swtpm.path } }) => openTpm(more) };
}
