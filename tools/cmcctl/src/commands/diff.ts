import { printable } from '@cmc/attestationreport';
import { EXIT } from '@cmc/host';
import { diffFiles } from '../diff/diff-files.ts';
import type { Change } from '../diff/snapshot.ts';
import { colour, print } from '../output.ts';
import type { CmcctlSettings } from '../settings.ts';

/** `cmcctl diff`: what differs; exits with 0 when nothing does, with 1 otherwise. */
export async function diff(settings: CmcctlSettings, files: readonly string[]): Promise<number> {
  const difference = await diffFiles(files);
  const { kind, changes } = difference;
  const count = changes.length === 1 ? '1 difference' : `${changes.length || 'no'} differences`;
  print(settings, difference, [...changes.map(changeLine), `${count} between ${kind}.`]);
  return changes.length === 0 ? EXIT.success : EXIT.attestationFailed;
}

function changeLine({ kind, section, name, from = '', to = '' }: Change): string {
  const what = `${section}: ${name}`;
  switch (kind) {
    case 'added':
      return colour(printable(`+ ${what}: ${to}`), 'green');
    case 'removed':
      return colour(printable(`- ${what}: ${from}`), 'red');
    default:
      return colour(printable(`~ ${what}: ${from} -> ${to}`), 'yellow');
  }
}
