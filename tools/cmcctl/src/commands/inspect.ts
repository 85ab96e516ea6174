import { readSettingFile, suggest, UsageError } from '@cmc/host';
import { INSPECTORS } from '../inspect/index.ts';
import { print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

/** `cmcctl inspect`: shows an artefact. */
export async function inspect(
  settings: CmcctlSettings,
  [kind = '', file = '']: readonly string[],
): Promise<number> {
  const load = Object.hasOwn(INSPECTORS, kind) ? INSPECTORS[kind] : undefined;
  if (load === undefined) {
    const kinds = Object.keys(INSPECTORS);
    const near = suggest(kind, kinds);
    const hint = near === undefined ? `expected ${kinds.join(' or ')}` : `did you mean "${near}"?`;
    throw new UsageError(`inspect: nothing is known about "${kind}"; ${hint}`);
  }
  const run = await load();
  const bytes = new Uint8Array(await readSettingFile(file, 'file'));
  const { exitCode, outcome, lines } = await run(bytes, settings);
  print(settings, outcome, lines);
  return exitCode;
}
