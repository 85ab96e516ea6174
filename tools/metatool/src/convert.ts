import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { readInput, writeOutput } from './files.ts';
import { serializationOf } from './item-options.ts';
import { isSigned, unverifiedMetadata } from './payload.ts';

/** Adds `convert`. */
export function addConvert(program: Command): void {
  program
    .command('convert')
    .description('convert an unsigned metadata item between JSON and CBOR')
    .requiredOption('--in <file>', 'unsigned item')
    .requiredOption('--format <json|cbor>', 'encoding to write')
    .option('--out <file>', 'where to write; default standard output')
    .action(
      async (flags: { readonly in: string; readonly format: string; readonly out?: string }) => {
        const format = serializationOf(flags.format);
        const item = await readInput(flags.in);
        if (isSigned(item)) {
          throw new UsageError(
            `${flags.in} is signed: its signature covers the encoding, so convert before signing`,
          );
        }
        const metadata = unverifiedMetadata(item, flags.in);
        const lost = format === 'cbor' ? (metadata.omspServer ?? metadata.location) : undefined;
        if (lost !== undefined) {
          process.stderr.write(
            `metatool: the CBOR format has no place for omspServer and location; "${lost}" is left out\n`,
          );
        }
        await writeOutput(flags.out, encodeStruct(metadataSchema, metadata, format));
      },
    );
}
