#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { addSettingFlags, packageVersion, runProgram, settingsOf } from '@cmc/host';
import { Command } from 'commander';
import { type CmcdConfig, cmcdConfigSchema } from './config/schema.ts';

const EXAMPLES = `
Examples:
  Verify only, on the default endpoint unix:///run/cmc/cmcd.sock:
    cmcd --root-cas ca.pem

  Attest with the software driver, over gRPC and a socket:
    cmcd --root-cas ca.pem --metadata file:///etc/cmc/metadata --drivers sw --storage /var/lib/cmc \\
      --api grpc,socket --cmc-addr 127.0.0.1:9955,unix:///run/cmc/cmcd.sock

  Settings from a file, log lines for people:
    cmcd --config /etc/cmc/cmcd.json --log-format pretty

Signals: SIGTERM and SIGINT stop the daemon when the running calls are done, a second one at once.
SIGHUP loads the metadata anew.
Exit codes: 0 stopped, 2 wrong usage or configuration, 3 metadata unavailable.`;

const command = new Command('cmcd')
  .description('Makes and verifies attestation reports for the programs on this computer.')
  .version(packageVersion(import.meta.url))
  .option('--print-schema', 'print the JSON schema of the config file')
  .addHelpText('after', EXAMPLES);

addSettingFlags(command, cmcdConfigSchema).action(async (flags: Record<string, unknown>) => {
  if (flags['printSchema'] === true) {
    process.stdout.write(readFileSync(new URL('../generated/cmcd.schema.json', import.meta.url)));
    return;
  }
  const { runDaemon } = await import('./daemon/run-daemon.ts');
  await runDaemon(withFlagsFirst(await settingsOf(command, cmcdConfigSchema), flags));
});

await runProgram(command);

/** An endpoint on the command line replaces those of `apis` in a config file. */
function withFlagsFirst(config: CmcdConfig, flags: Record<string, unknown>): CmcdConfig {
  if (flags['api'] === undefined && flags['cmcAddr'] === undefined) return config;
  const { apis: _, ...others } = config;
  return others;
}
