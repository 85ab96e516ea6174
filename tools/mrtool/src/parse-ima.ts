import { type HashName, type ImaEntry, parseImaList } from '@cmc/ima';
import type { Command } from 'commander';
import { componentsText } from './component-list.ts';
import { readInput, writeOutput } from './files.ts';
import { parseBanks, parsePcrs } from './tpm/flags.ts';
import { imaComponents } from './tpm/ima.ts';

interface Flags {
  readonly bank: readonly HashName[];
  readonly pcrs?: readonly number[];
  readonly paddedSha1?: true;
  readonly out?: string;
}

/** Adds `parse ima`. */
export function addParseIma(parse: Command): void {
  parse
    .command('ima')
    .description('reference components from an IMA list (binary_runtime_measurements)')
    .argument('<list>', 'measurement list, binary')
    .option('--bank <banks>', 'banks, comma separated; default SHA-256', parseBanks, ['SHA-256'])
    .option('--pcrs <list>', 'only these PCRs', parsePcrs)
    .option('--padded-sha1', 'the kernel extended SHA-1 digests, padded, into the other banks')
    .option('--out <file>', 'where to write; default standard output')
    .action(run);
}

async function run(file: string, { bank, pcrs, paddedSha1, out }: Flags): Promise<void> {
  const { entries } = parseImaList(await readInput(file), { bank: 'SHA-256' });
  const { components, violations } = imaComponents(entries, {
    banks: bank,
    ...(pcrs === undefined ? {} : { pcrs }),
    ...(paddedSha1 === undefined ? {} : { paddedSha1 }),
  });
  warnOfViolations(violations);
  await writeOutput(out, componentsText(components));
}

/** Says which entries are no references: a machine with such a list will not be trusted. */
export function warnOfViolations(violations: readonly ImaEntry[]): void {
  for (const { index, path } of violations) {
    process.stderr.write(
      `mrtool: entry ${index}, ${JSON.stringify(path)}, is a violation: it was left out\n`,
    );
  }
}
