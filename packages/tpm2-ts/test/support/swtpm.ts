import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTpm, type Tpm } from '../../src/index.ts';

/** Whether the software TPM is missing; with CI set, tests run and fail then. */
export const isSwtpmMissing: boolean =
  process.env['CI'] === undefined && spawnSync('swtpm', ['--version']).error !== undefined;
export const isTpmToolsMissing: boolean =
  isSwtpmMissing ||
  (process.env['CI'] === undefined &&
    spawnSync('tpm2_getrandom', ['--version']).error !== undefined);
if (isSwtpmMissing) console.warn('swtpm is not installed: its tests are skipped');

const START_MS = 10_000;

/** A software TPM of its own. */
export interface Swtpm extends AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  readonly open: (options?: Parameters<typeof openTpm>[0]) => Promise<Tpm>;
  /** Runs a program of tpm2-tools against it; no connection may be open. */
  readonly tool: (program: string, ...args: readonly string[]) => string;
}

/** Starts swtpm on a Unix socket in a folder of its own; with `ek`, EKs and their certificates. */
export async function startSwtpm(options: { readonly ek?: boolean } = {}): Promise<Swtpm> {
  const folder = mkdtempSync(join(tmpdir(), 'tpm2-ts-'));
  const path = join(folder, 'tpm.sock');
  if (options.ek === true) manufacture(folder);
  const child = spawn(
    'swtpm',
    [
      'socket',
      '--tpm2',
      ...['--tpmstate', `dir=${folder}`],
      ...['--server', `type=unixio,path=${path}`],
      // Where tpm2-tools look for it.
      ...['--ctrl', `type=unixio,path=${path}.ctrl`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  );
  await listening(path, child);
  return {
    folder,
    path,
    open: (more = { socket: { path } }) => openTpm(more),
    tool: (program, ...args) => {
      const environment = { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${path}` };
      const { status, stdout, stderr } = spawnSync(program, args, {
        cwd: folder,
        env: environment,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${status} ${stderr}`);
      return stdout;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) {
        child.kill();
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function manufacture(folder: string): void {
  const ca = join(folder, 'ca');
  writeFileSync(
    join(folder, 'localca.conf'),
    [
      `statedir = ${ca}`,
      `signingkey = ${join(ca, 'signkey.pem')}`,
      `issuercert = ${join(ca, 'issuercert.pem')}`,
      `certserial = ${join(ca, 'certserial')}`,
    ].join('\n'),
  );
  writeFileSync(
    join(folder, 'localca.options'),
    '--tpm-manufacturer id:00001014\n--tpm-model swtpm\n--tpm-version id:20191023\n',
  );
  writeFileSync(
    join(folder, 'setup.conf'),
    [
      'create_certs_tool = /usr/bin/swtpm_localca',
      `create_certs_tool_config = ${join(folder, 'localca.conf')}`,
      `create_certs_tool_options = ${join(folder, 'localca.options')}`,
    ].join('\n'),
  );
  const { status, stdout, stderr } = spawnSync(
    'swtpm_setup',
    [
      '--tpm2',
      ...['--tpmstate', folder, '--config', join(folder, 'setup.conf')],
      '--create-ek-cert',
      ...['--pcr-banks', 'sha1,sha256,sha384', '--lock-nvram', '--overwrite'],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`swtpm_setup: ${status} ${stdout} ${stderr}`);
}

async function listening(path: string, child: ChildProcess): Promise<void> {
  const end = Date.now() + START_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`swtpm ended with ${child.exitCode}`);
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(path, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (isUp) return;
    await sleep(10);
  }
  throw new Error('swtpm does not listen');
}
