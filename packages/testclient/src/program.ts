import { addSettingFlags, packageVersion, settingsOf } from '@cmc/host';
import { Command } from 'commander';
import { dial } from './dial.ts';
import { generate } from './generate.ts';
import { type TestclientSettings, testclientSchema } from './settings.ts';
import { verify } from './verify.ts';

const EXAMPLES = `
Examples:
  testclient generate --cmc-addr unix:///run/cmc/cmcd.sock --report report.cbor --nonce nonce
  testclient verify --report report.cbor --nonce nonce --result result.json
  testclient dial --addr localhost:4443 --root-cas ca.pem --attest mutual --data hello

Exit codes: 0 success, 1 attestation failed, 2 wrong call or input, 3 daemon or server unavailable.
`;

/** The command line of testclient. */
export function createProgram(): Command {
  const program = new Command('testclient')
    .description('Exemplary client: makes, verifies and exchanges attestation reports.')
    .version(packageVersion(import.meta.url))
    .addHelpText('after', EXAMPLES);
  addCommand(program, 'generate', 'have the daemon attest this computer', generate);
  addCommand(program, 'verify', 'have the daemon verify a report', verify);
  addCommand(program, 'dial', 'make an attested connection to a server', dial);
  return program;
}

function addCommand(
  program: Command,
  name: string,
  description: string,
  run: (settings: TestclientSettings) => Promise<number>,
): void {
  const command = program.command(name).description(description);
  addSettingFlags(command, testclientSchema).action(async () => {
    process.exitCode = await run(await settingsOf(command, testclientSchema));
  });
}
