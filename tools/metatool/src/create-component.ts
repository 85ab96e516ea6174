import { componentSchema, encodeStruct } from '@cmc/attestationreport/codec';
import { decodeUtf8 } from '@cmc/bytes';
import { createContainerEvent, createReferenceComponent, hashRootfs } from '@cmc/driver-sw';
import { UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { readInput, writeOutput } from './files.ts';
import { serializationOf } from './item-options.ts';

interface ComponentFlags {
  readonly name: string;
  readonly rootfs: string;
  readonly spec: string;
  readonly containerId: string;
  readonly index: string;
  readonly ignoreCapabilities?: boolean;
  readonly optional?: boolean;
  readonly event?: boolean;
  readonly out?: string;
  readonly format: string;
}

/** Adds `create component`. */
export function addCreateComponent(create: Command): void {
  create
    .command('component')
    .description('reference value of a container, from its files and its OCI runtime configuration')
    .requiredOption('--name <name>', 'name of the component')
    .requiredOption('--rootfs <folder>', 'root file system of the container')
    .requiredOption('--spec <config.json>', 'OCI runtime configuration')
    .option('--container-id <id>', 'id that the runtime gave the container', 'container')
    .option('--index <n>', 'index of the container log', '0')
    .option(
      '--ignore-capabilities',
      'hash as if no file had capabilities; else they are read with getfattr (package attr)',
    )
    .option('--optional', 'a report may lack this container')
    .option('--event', 'make the event that a runtime records instead of the reference value')
    .option('--out <file>', 'where to write; default standard output')
    .option('--format <json|cbor>', 'encoding', 'json')
    .action(createComponent);
}

async function createComponent(flags: ComponentFlags): Promise<void> {
  const index = Number(flags.index);
  if (!(Number.isInteger(index) && index >= 0)) {
    throw new UsageError(`--index: expected a number, got "${flags.index}"`);
  }
  const container = {
    name: flags.name,
    config: decodeUtf8(await readInput(flags.spec), flags.spec),
    containerId: flags.containerId,
    rootfs: await hashRootfs(flags.rootfs, {
      insecureIgnoreCapabilities: flags.ignoreCapabilities === true,
    }),
    index,
  };
  const component =
    flags.event === true
      ? await createContainerEvent(container)
      : await createReferenceComponent({ ...container, optional: flags.optional === true });
  const format = serializationOf(flags.format);
  await writeOutput(flags.out, encodeStruct(componentSchema, component, format));
}
