import type { HashName } from '@cmc/ima';
import { type Command, Option } from 'commander';
import { openTpm } from 'tpm2-ts';
import { componentsText } from './component-list.ts';
import { MrError } from './errors.ts';
import { writeOutput } from './files.ts';
import { parseBank, parsePcrs } from './tpm/flags.ts';
import { summaries } from './tpm/learn.ts';

/** What reports quote when nothing else is configured. */
const QUOTED_PCRS = '0-16,23';

/** What commands have in common that read PCRs. */
export interface TpmFlags {
  readonly device?: string;
  readonly bank: HashName;
  readonly pcrs: readonly number[];
  readonly out?: string;
}

/** Adds `read tpm`. */
export function addReadTpm(read: Command): void {
  addTpmOptions(
    read
      .command('tpm')
      .description('PCR values of this machine, each as one reference: for reports without logs'),
  ).action(async (flags: TpmFlags) => {
    await writeOutput(flags.out, componentsText(summaries(flags.bank, await readPcrs(flags))));
  });
}

export function addTpmOptions(command: Command): Command {
  return command
    .option('--device <path>', 'the TPM; default /dev/tpmrm0, else /dev/tpm0')
    .addOption(new Option('--bank <bank>', 'bank').default('SHA-256').argParser(parseBank))
    .option('--pcrs <list>', `PCRs; default ${QUOTED_PCRS}`, parsePcrs, parsePcrs(QUOTED_PCRS))
    .option('--out <file>', 'where to write; default standard output');
}

/** Values of all the PCRs. @throws {MrError, TpmError} */
export async function readPcrs({
  device,
  bank,
  pcrs,
}: TpmFlags): Promise<ReadonlyMap<number, Uint8Array>> {
  await using tpm = await openTpm(device === undefined ? {} : { device });
  const values = await tpm.pcrs.read(bank, pcrs);
  const missing = pcrs.filter((pcr) => !values.has(pcr));
  if (missing.length === 0) return values;
  throw new MrError('ERR_MR_INPUT', `the TPM has no PCR ${missing.join(', ')} in bank ${bank}`);
}
