import { addSettingFlags, packageVersion, settingsOf, UsageError } from '@cmc/host';
import { Command } from 'commander';
import { type ProvserverConfig, provserverConfigSchema } from '../config/schema.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { audit } from './audit.ts';
import { list, revoke } from './certificates.ts';
import { crl } from './crl.ts';
import { init } from './init.ts';
import { omspCommand } from './omsp.ts';
import { token } from './token.ts';
import {
  forgetDevice,
  importPem,
  importSqlite,
  listVendorCertificates,
  removeVendorCertificate,
} from './vendor-certificates.ts';

const EXAMPLES = `
Examples:
  Make a CA and a config file, serve, and make a token for a device:
    provserver init --dir /etc/cmc/prov --name prov.example.org,192.0.2.7
    provserver serve --config /etc/cmc/prov/provserver.json
    provserver token --config /etc/cmc/prov/provserver.json --names node-7.example.org --valid 48h

  Trust the vendors of TPMs, each in a file:
    provserver ek-roots import STM_RSA_RT.pem --config /etc/cmc/prov/provserver.json

  What was issued, taking one back, and the list of those:
    provserver list --config /etc/cmc/prov/provserver.json --state valid
    provserver revoke 4f… --reason keyCompromise --config /etc/cmc/prov/provserver.json
    provserver crl --out /srv/www/cmc.crl --config /etc/cmc/prov/provserver.json

Exit codes: 0 success, 1 the audit trail was changed, 2 wrong usage or configuration, 3 database
unavailable.`;

/** Where commands write what they answer. */
export type Output = (text: string) => void;

/** What a command works with. */
export interface CommandContext {
  readonly config: ProvserverConfig;
  readonly store: Store;
  /** Flags of the command itself. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly write: Output;
  readonly now: Date;
}

interface InitFlags {
  readonly dir: string;
  readonly name: string;
  readonly allowNames?: string;
  readonly json?: boolean;
}

type Run = (context: CommandContext, ...args: string[]) => Promise<void>;

/** The command line of provserver. */
export function createProgram(write: Output = (text) => process.stdout.write(text)): Command {
  const program = new Command('provserver')
    .description('Gives certificates to devices that attest themselves.')
    .version(packageVersion(new URL('..', import.meta.url).href))
    .addHelpText('after', EXAMPLES);
  program
    .command('init')
    .description('make a CA, a TLS certificate for this server and a config file')
    .requiredOption('--dir <folder>', 'folder to make; it must not exist, or be empty')
    .option('--name <name,…>', 'DNS names and IP addresses of this server', 'localhost,127.0.0.1')
    .option(
      '--allow-names <name,…>',
      'names that attested devices may have: exact ones, *.example.org, {prover}, *. Default: none',
    )
    .option('--json', 'answer for machines')
    .action(async (flags: InitFlags) => {
      const config = await init({
        dir: flags.dir,
        names: flags.name.split(','),
        allowedNames: flags.allowNames?.split(',') ?? [],
        now: new Date(),
      });
      write(flags.json === true ? `${JSON.stringify({ config })}\n` : `${config}\n`);
    });
  const server = program
    .command('serve', { isDefault: true })
    .description('serve EST, and what else the settings say, until a signal stops it');
  // What is no command would be an argument of the one that needs not be named.
  server.allowExcessArguments();
  addSettingFlags(server, provserverConfigSchema).action(async () => {
    const [unknown] = server.args;
    if (unknown !== undefined) throw new UsageError(`"${unknown}" is no command: see --help`);
    const { serve } = await import('./serve.ts');
    await serve(await settingsOf(server, provserverConfigSchema));
  });
  const add = (command: Command, run: Run): void => addStoreCommand(command, run, write);
  add(
    program
      .command('token')
      .description('make a token with which one key can be enrolled; it is shown once')
      .option('--names <name,…>', 'DNS names and IP addresses that it is good for. Default: any')
      .option('--valid <time>', 'how long: 30m, 48h, 7d', '48h')
      .option('--note <text>', 'what it is for, for the records'),
    token,
  );
  add(
    program
      .command('list')
      .description('list the certificates that were issued')
      .option('--state <state>', 'only those that are valid, expired or revoked'),
    list,
  );
  add(
    program
      .command('revoke')
      .argument('<serial>', 'hex, colons are ignored')
      .description('revoke a certificate; the next list of revoked ones has it')
      .option('--reason <reason>', 'as in RFC 5280: keyCompromise, superseded, …', 'unspecified'),
    revoke,
  );
  add(
    program
      .command('crl')
      .description('write a new list of revoked certificates')
      .requiredOption('--out <file>', 'file that is replaced; PEM if it ends with .pem, else DER')
      .option('--next <time>', 'when there will be a newer one: 30m, 48h, 7d', '7d'),
    crl,
  );
  add(
    program
      .command('audit')
      .description('print the audit trail')
      .option('--verify', 'only check that nothing was removed or changed'),
    audit,
  );
  add(
    program
      .command('forget-device')
      .argument('<name>', 'name that it is registered under')
      .description('let a device with a TPM come with other keys'),
    forgetDevice,
  );
  program.addCommand(ekRootsCommand(add));
  program.addCommand(omspCommand(write));
  return program;
}

function ekRootsCommand(add: (command: Command, run: Run) => void): Command {
  const roots = new Command('ek-roots').description(
    'certificates of TPM vendors: under whose roots endorsement certificates are accepted',
  );
  add(
    roots
      .command('import')
      .argument('<file>', 'PEM; self-signed certificates are roots, the others intermediates')
      .option('--anchor', 'all of them are roots: use what is not self-signed as one')
      .description('trust the roots in a file'),
    importPem,
  );
  add(
    roots
      .command('import-sqlite')
      .argument('<file>', 'table trustanchors, as estserver has it')
      .description('take over the database of the Go implementation'),
    importSqlite,
  );
  add(roots.command('list').description('list all'), listVendorCertificates);
  add(
    roots
      .command('remove')
      .argument('<sha256>', 'of the certificate, hex, colons are ignored')
      .description('trust it no more'),
    removeVendorCertificate,
  );
  return roots;
}

function addStoreCommand(command: Command, run: Run, write: Output): void {
  addSettingFlags(command.option('--json', 'answer for machines'), provserverConfigSchema).action(
    async (...args: unknown[]) => {
      const config = await settingsOf(command, provserverConfigSchema);
      await using store = await openStore(config.database);
      const given = args.filter((arg) => typeof arg === 'string');
      await run({ config, store, flags: command.opts(), write, now: new Date() }, ...given);
    },
  );
}
