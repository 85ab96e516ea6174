import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { run } from './programs.ts';

const START_MS = 5000;
const POLL_MS = 10;

/** A TPM that a machine is made with: its state, and the authority that issued its certificates. */
export interface TpmState {
  readonly folder: string;
  /** Root of the authority, PEM. */
  readonly rootCertificate: string;
  /** Its intermediate, PEM. */
  readonly issuerCertificate: string;
}

/** Makes a TPM with endorsement keys and certificates in a folder, with three banks of PCRs. */
export async function manufactureTpm(folder: string): Promise<TpmState> {
  const state = join(folder, 'state');
  const authority = join(folder, 'authority');
  await mkdir(state, { recursive: true });
  await mkdir(authority, { recursive: true });
  const issuerCertificate = join(authority, 'issuercert.pem');
  const config = join(authority, 'localca.conf');
  const options = join(authority, 'localca.options');
  const setup = join(authority, 'setup.conf');
  await writeFile(
    config,
    [
      `statedir = ${authority}`,
      `signingkey = ${authority}/signkey.pem`,
      `issuercert = ${issuerCertificate}`,
      `certserial = ${authority}/certserial`,
      '',
    ].join('\n'),
  );
  await writeFile(
    options,
    '--platform-manufacturer Example\n--platform-version 1.0\n--platform-model VM\n',
  );
  await writeFile(
    setup,
    [
      'create_certs_tool = /usr/bin/swtpm_localca',
      `create_certs_tool_config = ${config}`,
      `create_certs_tool_options = ${options}`,
      '',
    ].join('\n'),
  );
  await run('swtpm_setup', [
    '--tpm2',
    ...['--tpmstate', state],
    ...['--config', setup],
    '--create-ek-cert',
    '--lock-nvram',
    ...['--pcr-banks', 'sha1,sha256,sha384'],
    '--overwrite',
  ]);
  const rootCertificate = join(authority, 'swtpm-localca-rootca-cert.pem');
  return { folder: state, rootCertificate, issuerCertificate };
}

/** Starts a TPM for one run of a machine; it ends with the machine's connection. */
export async function startTpm(state: TpmState, socket: string): Promise<ChildProcess> {
  const child = spawn(
    'setpriv',
    // However this process ends, nothing stays behind.
    [
      ...['--pdeathsig', 'KILL', 'swtpm', 'socket', '--tpm2', '--terminate'],
      ...['--tpmstate', `dir=${state.folder}`],
      ...['--ctrl', `type=unixio,path=${socket}`],
    ],
    { stdio: 'ignore' },
  );
  const deadline = Date.now() + START_MS;
  while (!(await exists(socket))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error('swtpm does not start');
    }
    await setTimeout(POLL_MS);
  }
  return child;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
