import { explain } from '@cmc/attestationreport';
import type { HttpsServerOptions } from '@cmc/attested-tls';
import type { Logger } from '@cmc/bytes';
import {
  addSettingFlags,
  createLogger,
  DEFAULT_CMC_ADDRESS,
  packageVersion,
  parseHostPort,
  readConnectionFiles,
  settingsOf,
  UsageError,
} from '@cmc/host';
import { Command } from 'commander';
import { createConnector } from './create-connector.ts';
import { type TestconnectorSettings, testconnectorSchema } from './settings.ts';

const EXAMPLES = `
Examples:
  testconnector --addr 127.0.0.1:4443 --cert server.pem --key server.key
  testconnector --addr 127.0.0.1:4443 --cert server.pem --key server.key --mtls --root-cas ca.pem \\
      --api grpc --cmc-addr 127.0.0.1:9955 --attest mutual --policies policy.js

Serves until it gets SIGINT or SIGTERM. Exit codes: 0 stopped, 2 wrong call or input.
`;

/** The command line of testconnector. */
export function createProgram(): Command {
  const program = new Command('testconnector')
    .description('Exemplary server: accepts attested TLS connections and answers what it is sent.')
    .version(packageVersion(import.meta.url))
    .addHelpText('after', EXAMPLES)
    .action(async () => {
      await serve(await settingsOf(program, testconnectorSchema));
    });
  return addSettingFlags(program, testconnectorSchema);
}

async function serve(settings: TestconnectorSettings): Promise<void> {
  const logger = createLogger({
    format: settings.logFormat ?? (process.stderr.isTTY ? 'pretty' : 'json'),
    level: settings.logLevel ?? 'info',
  });
  const connector = await createConnector({
    tls: await tlsOptions(settings, logger),
    ...parseHostPort(settings.addr, 'addr'),
    https: settings.https ?? false,
    logger,
  });
  logger.info({ address: connector.address, attest: settings.attest ?? 'mutual' }, 'listening');
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await connector.close();
  logger.info({}, 'stopped');
}

async function tlsOptions(
  settings: TestconnectorSettings,
  logger: Logger,
): Promise<HttpsServerOptions> {
  if (settings.cert === undefined || settings.key === undefined) {
    throw new UsageError('a server needs cert and key');
  }
  const { ca, cert, key, policies } = await readConnectionFiles(settings);
  return {
    ...(ca && { ca: [...ca] }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(policies && { policies }),
    cmc: {
      api: settings.api ?? 'socket',
      address: settings.cmcAddr ?? DEFAULT_CMC_ADDRESS,
      serialization: settings.serialization ?? 'cbor',
    },
    serialization: settings.serialization ?? 'cbor',
    attest: settings.attest ?? 'mutual',
    mtls: settings.mtls ?? false,
    onResult(result, peer) {
      const fields = { peer: peer.id, address: peer.address, verdict: result.summary.status };
      logger.info({ ...fields, reasons: explain(result) }, 'verified a peer');
    },
  };
}
