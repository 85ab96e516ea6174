import type { Command } from 'commander';
import { componentsText } from './component-list.ts';
import { readInput, readInputIfThere, writeOutput } from './files.ts';
import { warnOfViolations } from './parse-ima.ts';
import { addTpmOptions, readPcrs, type TpmFlags } from './read-tpm.ts';
import { learn } from './tpm/learn.ts';

const EVENT_LOG = '/sys/kernel/security/tpm0/binary_bios_measurements';
const IMA_LIST = '/sys/kernel/security/ima/binary_runtime_measurements';
const NOTE = `
Everything that this machine has measured becomes a reference value: run it where you trust all of
it, right after a boot into the state that is to be accepted.
`;

interface Flags extends TpmFlags {
  readonly eventLog?: string;
  readonly ima?: string;
}

/** Adds `learn`. */
export function addLearn(program: Command): void {
  addTpmOptions(
    program
      .command('learn')
      .description('reference components of this machine, from its TPM and the logs it confirms')
      .option('--event-log <file>', 'firmware log; default that of the kernel')
      .option('--ima <file>', 'IMA list; default that of the kernel')
      .addHelpText('after', NOTE),
  ).action(run);
}

async function run(flags: Flags): Promise<void> {
  // The values first: what the lists have more is left out.
  const pcrs = await readPcrs(flags);
  const eventLog = await readLog(flags.eventLog, EVENT_LOG);
  const imaList = await readLog(flags.ima, IMA_LIST);
  const { components, violations } = learn({
    bank: flags.bank,
    pcrs,
    ...(eventLog === undefined ? {} : { eventLog }),
    ...(imaList === undefined ? {} : { imaList }),
  });
  warnOfViolations(violations);
  await writeOutput(flags.out, componentsText(components));
}

/** Not every kernel has the logs; those that were named must be there. */
async function readLog(named: string | undefined, usual: string): Promise<Uint8Array | undefined> {
  return named === undefined ? await readInputIfThere(usual) : await readInput(named);
}
