import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunningProgram, runProgram, startProgram } from '@cmc/testbed';
import { freePort, type TpmState } from '../../src/index.ts';

const PROVSERVER = fileURLToPath(
  new URL('../../../../packages/provserver/dist/main.js', import.meta.url),
);
/** The host, as guests reach it. */
const HOST = '10.0.2.2';

/** A provisioning server in a process of its own, for guests. */
export interface Provisioning {
  readonly url: string;
  /** Root of what it issues, PEM. */
  readonly rootPem: string;
  /** What it serves at `<url>/metadata/`. */
  readonly metadataFolder: string;
  /** Trusts the maker of another TPM. */
  trust(tpm: TpmState): Promise<void>;
  /** Lets a device come with another TPM. */
  forget(device: string): Promise<void>;
  /** How the certificates that it has issued were asked for. */
  methods(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** A server that trusts the maker of `tpm`, and signers of metadata under the CA in `metadataCa`. */
export async function startProvisioning(
  folder: string,
  tpm: TpmState,
  metadataCa: string,
  names: string,
): Promise<Provisioning> {
  const data = join(folder, 'provserver');
  const metadataFolder = join(folder, 'metadata');
  mkdirSync(metadataFolder);
  const config = join(data, 'provserver.json');
  await runTool(PROVSERVER, 'init', '--dir', data, '--name', HOST, '--allow-names', names);
  const made = JSON.parse(readFileSync(config, 'utf8'));
  const port = await freePort();
  const changed = {
    ...made,
    estAddr: `127.0.0.1:${port}`,
    rootCas: [metadataCa, join(data, 'root.pem')],
    httpFolder: metadataFolder,
  };
  writeFileSync(config, JSON.stringify(changed));
  const trust = async ({ issuerCertificate, rootCertificate }: TpmState): Promise<void> => {
    for (const certificate of [issuerCertificate, rootCertificate]) {
      await runTool(PROVSERVER, 'ek-roots', 'import', certificate, '--config', config);
    }
  };
  await trust(tpm);
  const server: RunningProgram = await startProgram(
    PROVSERVER,
    ['serve', '--config', config],
    'listening',
  );
  return {
    url: `https://${HOST}:${port}`,
    rootPem: readFileSync(join(data, 'root.pem'), 'utf8'),
    metadataFolder,
    trust,
    forget: async (device) => {
      await runTool(PROVSERVER, 'forget-device', device, '--config', config);
    },
    methods: async () => {
      const text = await runTool(PROVSERVER, 'list', '--config', config, '--json');
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line).method).sort();
    },
    stop: async () => {
      await server.stop();
    },
  };
}

/** Standard output of a program of the workspace. @throws {Error} it fails */
export async function runTool(main: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(main, args);
  if (code !== 0) throw new Error(`${main} ${args[0]}: ${stderr}`);
  return stdout;
}
