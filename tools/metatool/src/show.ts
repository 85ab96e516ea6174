import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { decodeUtf8 } from '@cmc/bytes';
import type { Command } from 'commander';
import { readInput } from './files.ts';
import { unverifiedMetadata } from './payload.ts';

/** Adds `show`. */
export function addShow(program: Command): void {
  program
    .command('show')
    .description('print the content of an item, signed or not, as JSON; verifies nothing')
    .argument('<file>', 'metadata item')
    .action(async (file: string) => {
      const metadata = unverifiedMetadata(await readInput(file), file);
      const text = decodeUtf8(encodeStruct(metadataSchema, metadata, 'json'));
      process.stdout.write(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
    });
}
