import { encodeStruct, manifestDescriptionSchema } from '@cmc/attestationreport/codec';
import { UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { writeOutput } from './files.ts';
import { serializationOf } from './item-options.ts';
import { readJsonObject, typedValue } from './json-file.ts';

interface ManifestDescriptionFlags {
  readonly name: string;
  readonly manifest?: string;
  readonly description?: string;
  readonly ociRules?: string;
  readonly out?: string;
  readonly format: string;
}

/** Adds `create manifest-description`. */
export function addCreateManifestDescription(create: Command): void {
  create
    .command('manifest-description')
    .description(
      'how an image uses one manifest; a part of an image description, not signed itself',
    )
    .requiredOption('--name <name>', 'name of the description')
    .option('--manifest <name>', 'name of the manifest that is used')
    .option('--description <text>', 'what it describes')
    .option(
      '--oci-rules <file>',
      'which members of the container specification may differ, file or JSON',
    )
    .option('--out <file>', 'where to write; default standard output')
    .option('--format <json|cbor>', 'encoding', 'json')
    .action(async (flags: ManifestDescriptionFlags) => {
      if (flags.manifest === undefined) throw new UsageError('--manifest is missing');
      const description = typedValue(manifestDescriptionSchema, {
        type: 'Manifest Description',
        name: flags.name,
        ...(flags.description === undefined ? {} : { description: flags.description }),
        manifest: flags.manifest,
        ...(flags.ociRules === undefined ? {} : { ociRules: await readJsonObject(flags.ociRules) }),
      });
      const format = serializationOf(flags.format);
      await writeOutput(flags.out, encodeStruct(manifestDescriptionSchema, description, format));
    });
}
