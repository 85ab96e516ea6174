import { detectSerialization } from '@cmc/attestationreport/codec';
import { UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { readInput, writeOutput } from './files.ts';
import { isSigned } from './payload.ts';
import { addSigningFlags, type SigningFlags, signItem } from './sign-item.ts';

interface SignFlags extends SigningFlags {
  readonly in: string;
  readonly out?: string;
}

/** Adds `sign`. */
export function addSign(program: Command): void {
  addSigningFlags(program.command('sign'))
    .description(
      'sign a metadata item: JWS for JSON, COSE for CBOR, with one signature for each key',
    )
    .requiredOption('--in <file>', 'unsigned item')
    .option('--out <file>', 'where to write; default standard output')
    .action(async (flags: SignFlags) => {
      if (flags.keys === undefined) throw new UsageError('--keys is missing');
      const item = await readInput(flags.in);
      if (isSigned(item)) {
        throw new UsageError(
          `${flags.in} is signed already: sign the item itself, with all keys at once`,
        );
      }
      await writeOutput(flags.out, await signItem(item, flags, detectSerialization(item)));
    });
}
