import type { JsonValue } from '@cmc/attestationreport';
import type { Command } from 'commander';
import { addItemFlags, commonMembers, type ItemFlags, writeItem } from './item-options.ts';
import { readJson } from './json-file.ts';

interface ImageDescriptionFlags extends ItemFlags {
  readonly location?: string;
  readonly descriptions?: string;
  readonly addDescription?: readonly string[];
}

/** Adds `create image-description`. */
export function addCreateImageDescription(create: Command): void {
  addItemFlags(create.command('image-description'))
    .description('which manifests describe what runs on an image')
    .option('--location <text>', 'where the image is installed')
    .option('--descriptions <file>', 'array of manifest descriptions, file or JSON')
    .option(
      '--add-description <file>',
      'manifest description to add, or to replace the one of the same name; repeatable',
      (value: string, previous: readonly string[] = []) => [...previous, value],
    )
    .action(async (flags: ImageDescriptionFlags) => {
      const members = await commonMembers('Image Description', flags);
      const given =
        flags.descriptions === undefined
          ? members['descriptions']
          : await readJson(flags.descriptions);
      const added = await Promise.all((flags.addDescription ?? []).map(readJson));
      const descriptions = added.reduce<readonly JsonValue[]>(
        (list, description) => [
          ...list.filter((other) => nameOf(other) !== nameOf(description)),
          description,
        ],
        asList(given),
      );
      await writeItem(
        {
          ...members,
          ...(flags.location === undefined ? {} : { location: flags.location }),
          ...(descriptions.length === 0 ? {} : { descriptions }),
        },
        flags,
      );
    });
}

function asList(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function nameOf(description: JsonValue): unknown {
  return new Map(Object.entries(description ?? {})).get('name');
}
