import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MS = 10_000;

/** A software TPM of its own. */
export interface Swtpm extends AsyncDisposable {
  /** Its folder; with endorsement keys, `ca/issuercert.pem` and `ca/swtpm-localca-rootca-cert.pem`. */
  readonly folder: string;
  /** Unix socket that takes commands, from one connection at a time. */
  readonly path: string;
  /** Runs a program of tpm2-tools against it, in its folder; no connection may be open. */
  readonly tool: (program: string, ...args: readonly string[]) => string;
  /** Ends it and starts it again with the same state: PCRs are reset. */
  readonly reboot: () => Promise<void>;
  /**
   * A dynamic launch, as the processor makes one: PCRs 17 to 22 are reset to zeros, and the digest of
   * `code` is extended into PCR 17; no connection may be open.
   */
  readonly launch: (code: string) => void;
}

/** Whether programs are missing; with CI set, tests run and fail then. */
export function isMissing(...programs: readonly string[]): boolean {
  const missing =
    process.env['CI'] === undefined &&
    programs.find((program) => spawnSync(program, ['--version']).error !== undefined);
  if (!missing) return false;
  process.emitWarning(`${missing} is not installed: its tests are skipped`);
  return true;
}

/** Starts swtpm; with `ek`, it has endorsement keys with certificates. */
export async function startSwtpm(options: { readonly ek?: boolean } = {}): Promise<Swtpm> {
  const folder = mkdtempSync(join(tmpdir(), 'swtpm-'));
  const path = join(folder, 'tpm.sock');
  if (options.ek === true) manufacture(folder);
  let child = await start(folder, path);
  return {
    folder,
    path,
    tool: (program, ...args) => {
      const env = { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${path}` };
      return run(program, args, { cwd: folder, env });
    },
    reboot: async () => {
      await stop(child);
      child = await start(folder, path);
    },
    launch: (code) => void run('swtpm_ioctl', ['--unix', `${path}.ctrl`, '-h', code]),
    async [Symbol.asyncDispose]() {
      await stop(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(folder: string, path: string): Promise<ChildProcess> {
  const args = [
    ...['socket', '--tpm2', '--tpmstate', `dir=${folder}`],
    ...['--server', `type=unixio,path=${path}`],
    // Where tpm2-tools look for it.
    ...['--ctrl', `type=unixio,path=${path}.ctrl`],
    ...['--flags', 'not-need-init,startup-clear'],
  ];
  const child = spawn('swtpm', args, { stdio: 'ignore' });
  const end = Date.now() + START_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`swtpm ended with ${child.exitCode}`);
    if (await isListening(path)) return child;
    await sleep(10);
  }
  child.kill();
  throw new Error('swtpm does not listen');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, 'exit');
}

async function isListening(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function manufacture(folder: string): void {
  const ca = join(folder, 'ca');
  const file = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
    return join(folder, name);
  };
  const caConfig = file('localca.conf', [
    `statedir = ${ca}`,
    `signingkey = ${join(ca, 'signkey.pem')}`,
    `issuercert = ${join(ca, 'issuercert.pem')}`,
    `certserial = ${join(ca, 'certserial')}`,
  ]);
  const caOptions = file('localca.options', [
    '--tpm-manufacturer id:00001014',
    '--tpm-model swtpm',
    '--tpm-version id:20191023',
  ]);
  const config = file('setup.conf', [
    'create_certs_tool = /usr/bin/swtpm_localca',
    `create_certs_tool_config = ${caConfig}`,
    `create_certs_tool_options = ${caOptions}`,
  ]);
  run('swtpm_setup', [
    ...['--tpm2', '--tpmstate', folder, '--config', config, '--create-ek-cert'],
    ...['--pcr-banks', 'sha1,sha256,sha384', '--lock-nvram', '--overwrite'],
  ]);
}

function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): string {
  const { status, stdout, stderr } = spawnSync(program, args, { ...options, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')}: ${status} ${stdout} ${stderr}`);
}
