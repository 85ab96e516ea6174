import { parseEventLog } from '@cmc/eventlog';
import type { HashName } from '@cmc/ima';
import type { Command } from 'commander';
import { componentsText } from './component-list.ts';
import { readInput, writeOutput } from './files.ts';
import { eventLogComponents } from './tpm/event-log.ts';
import { parseBanks, parsePcrs } from './tpm/flags.ts';

interface Flags {
  readonly bank?: readonly HashName[];
  readonly pcrs?: readonly number[];
  readonly eventData?: true;
  readonly out?: string;
}

/** Adds `parse tpm`. */
export function addParseTpm(parse: Command): void {
  parse
    .command('tpm')
    .description('reference components from a firmware event log (binary_bios_measurements)')
    .argument('<log>', 'event log, binary')
    .option('--bank <banks>', 'banks, comma separated; default all but SHA-1', parseBanks)
    .option('--pcrs <list>', 'only these PCRs, like 0-7,9', parsePcrs)
    .option('--event-data', 'add what the events say, for people')
    .option('--out <file>', 'where to write; default standard output')
    .action(run);
}

async function run(file: string, { bank, pcrs, eventData, out }: Flags): Promise<void> {
  const components = eventLogComponents(parseEventLog(await readInput(file)), {
    ...(bank === undefined ? {} : { banks: bank }),
    ...(pcrs === undefined ? {} : { pcrs }),
    ...(eventData === undefined ? {} : { eventData }),
  });
  await writeOutput(out, componentsText(components));
}
