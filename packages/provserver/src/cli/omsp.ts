import { addSettingFlags, ConfigError, settingsOf, UsageError } from '@cmc/host';
import { Command } from 'commander';
import { provserverConfigSchema } from '../config/schema.ts';
import {
  checkManifestHash,
  MANIFEST_STATUSES,
  readStatus,
  writeStatus,
} from '../services/omsp/status-folder.ts';
import type { Output } from './program.ts';

interface OmspFlags {
  readonly status: string;
  readonly reason?: string;
  readonly json?: boolean;
}

/** What an operator can say; `unknown` is what the server says of all other manifests. */
const STATUSES = MANIFEST_STATUSES.filter((status) => status !== 'unknown');

/** `provserver omsp set`: the revocation status of a manifest, from the next request on. */
export function omspCommand(write: Output): Command {
  const omsp = new Command('omsp').description('revocation status of manifests');
  const set = omsp
    .command('set')
    .argument('<hash>', 'hex digest of the signed manifest, as its file is')
    .description('say whether a manifest is good, outdated or revoked')
    .requiredOption('--status <status>', STATUSES.join(', '))
    .option('--reason <text>', 'why it is revoked')
    .option('--json', 'answer for machines');
  addSettingFlags(set, provserverConfigSchema).action(async (text: string) => {
    const { omspFolder } = await settingsOf(set, provserverConfigSchema);
    if (omspFolder === undefined) {
      throw new ConfigError('ERR_CONFIG_VALUE', 'omspFolder: needed to set a status');
    }
    const { json, ...flags } = set.opts<OmspFlags>();
    const manifestHash = hashOf(text);
    const status = statusOf(flags, new Date());
    // A file that cannot be read says nothing, to the server neither; this replaces it.
    const before = await readStatus(omspFolder, manifestHash).catch(() => undefined);
    await writeStatus(omspFolder, manifestHash, status);
    const was = before?.status ?? 'unknown';
    const words = `${manifestHash} is ${status.status}, was ${was}\n`;
    write(json === true ? `${JSON.stringify({ manifestHash, ...status, was })}\n` : words);
  });
  return omsp;
}

function hashOf(text: string): string {
  try {
    return checkManifestHash(text);
  } catch {
    throw new UsageError(`expected the hex digest of a signed manifest, got "${text}"`);
  }
}

function statusOf({ status, reason }: OmspFlags, now: Date): Parameters<typeof writeStatus>[2] {
  const known = STATUSES.find((candidate) => candidate === status);
  if (known === undefined) {
    throw new UsageError(`--status: expected one of ${STATUSES.join(', ')}, got "${status}"`);
  }
  if (known === 'revoked') {
    const revocationTime = now.toISOString().replace(/\.\d{3}Z$/, 'Z');
    return {
      status: known,
      revocationTime,
      ...(reason === undefined ? {} : { revocationReason: reason }),
    };
  }
  if (reason !== undefined) throw new UsageError('--reason: only with --status revoked');
  return { status: known };
}
