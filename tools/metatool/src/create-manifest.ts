import type { JsonObject, JsonValue } from '@cmc/attestationreport';
import { UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { commaList } from './files.ts';
import { addItemFlags, commonMembers, type ItemFlags, writeItem } from './item-options.ts';
import { readJson, readJsonObject } from './json-file.ts';

interface ManifestFlags extends ItemFlags {
  readonly developerCommonName?: string;
  readonly baseLayers?: string;
  readonly certLevel?: string;
  readonly caFingerprints?: string;
  readonly details?: string;
  readonly sbom?: string;
  readonly components?: readonly string[];
  readonly snpPolicy?: string;
  readonly tdxPolicy?: string;
  readonly sgxPolicy?: string;
  readonly omsp?: string;
}

/** Version of CycloneDX that component lists are written as. */
const CYCLONEDX_VERSION = '1.7';

/** Adds `create manifest`. */
export function addCreateManifest(create: Command): void {
  addItemFlags(create.command('manifest'))
    .description('reference values and requirements of one layer of software')
    .option('--developer-common-name <name>', 'who made the software')
    .option('--base-layers <name,…>', 'manifests below this one; the root manifest names itself')
    .option('--cert-level <n>', 'certification level; above 1 needs hardware evidence')
    .option('--ca-fingerprints <hex,…>', "SHA-256 of hardware vendors' root certificates")
    .option('--details <key=value,…>', 'free details')
    .option('--sbom <file>', 'CycloneDX bill of materials with reference values')
    .option(
      '--components <file>',
      'component or array of components, file or JSON; repeatable',
      append,
    )
    .option('--snp-policy <file>', 'what AMD SEV-SNP reports must say, file or JSON')
    .option('--tdx-policy <file>', 'what Intel TDX quotes must say, file or JSON')
    .option('--sgx-policy <file>', 'what Intel SGX quotes must say, file or JSON')
    .option('--omsp <url>', 'server that answers whether this manifest is revoked')
    .action(createManifest);
}

async function createManifest(flags: ManifestFlags): Promise<void> {
  await writeItem(
    {
      ...(await commonMembers('Manifest', flags)),
      ...(await bill(flags)),
      ...member('developerCommonName', flags.developerCommonName),
      ...member('baseLayers', list(flags.baseLayers)),
      ...member('certLevel', certLevel(flags.certLevel)),
      ...member('caFingerprints', list(flags.caFingerprints)),
      ...member('details', details(flags.details)),
      ...(await policy('snpPolicy', flags.snpPolicy)),
      ...(await policy('tdxPolicy', flags.tdxPolicy)),
      ...(await policy('sgxPolicy', flags.sgxPolicy)),
      ...member('omspServer', flags.omsp),
    },
    flags,
  );
}

async function bill(flags: ManifestFlags): Promise<JsonObject> {
  if (flags.sbom !== undefined && flags.components !== undefined) {
    throw new UsageError('--sbom and --components exclude each other');
  }
  if (flags.sbom !== undefined) return { sbom: await readJsonObject(flags.sbom) };
  if (flags.components === undefined) return {};
  const components = (await Promise.all(flags.components.map(readJson))).flat();
  return {
    sbom: { bomFormat: 'CycloneDX', specVersion: CYCLONEDX_VERSION, version: 1, components },
  };
}

async function policy(key: string, source: string | undefined): Promise<JsonObject> {
  return source === undefined ? {} : { [key]: await readJsonObject(source) };
}

function certLevel(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,2}$/.test(text))
    throw new UsageError(`--cert-level: expected a number, got "${text}"`);
  return Number(text);
}

function details(text: string | undefined): JsonObject | undefined {
  if (text === undefined) return undefined;
  return Object.fromEntries(
    commaList(text).map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError(`--details: expected key=value, got "${pair}"`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function list(text: string | undefined): readonly string[] | undefined {
  return text === undefined ? undefined : commaList(text);
}

function member(key: string, value: JsonValue | undefined): JsonObject {
  return value === undefined ? {} : { [key]: value };
}

function append(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}
