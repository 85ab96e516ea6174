import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTpm, type Tpm } from 'tpm2-ts';

/** Whether the software TPM is missing; with CI set, tests run and fail then. */
export const isSwtpmMissing: boolean =
  process.env['CI'] === undefined && spawnSync('swtpm', ['--version']).error !== undefined;
if (isSwtpmMissing) console.warn('skipped: swtpm is not installed');

const START_MS = 10_000;

/** A software TPM of its own with endorsement certificates, and who issued them. */
export interface Swtpm extends AsyncDisposable {
  readonly tpm: Tpm;
  /** Vendor root and intermediate, PEM. */
  readonly vendorPem: string;
}

export async function startSwtpm(): Promise<Swtpm> {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-prov-tpm-'));
  const vendorPem = manufacture(folder);
  const path = join(folder, 'tpm.sock');
  const child = spawn(
    'swtpm',
    [
      'socket',
      '--tpm2',
      ...['--tpmstate', `dir=${folder}`, '--server', `type=unixio,path=${path}`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  const end = Date.now() + START_MS;
  while (!existsSync(path) && Date.now() < end) await sleep(10);
  const tpm = await openTpm({ socket: { path } });
  return {
    tpm,
    vendorPem,
    async [Symbol.asyncDispose]() {
      await tpm.close();
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes the endorsement keys and their certificates, as a manufacturer does. */
function manufacture(folder: string): string {
  const at = (name: string): string => join(folder, name);
  const settings = ['statedir', 'signingkey', 'issuercert', 'certserial'];
  const files = [folder, at('signkey.pem'), at('issuercert.pem'), at('certserial')];
  writeFileSync(at('ca.conf'), settings.map((key, i) => `${key} = ${files[i]}\n`).join(''));
  writeFileSync(
    at('ca.options'),
    '--tpm-manufacturer id:00001014\n--tpm-model swtpm\n--tpm-version id:20191023\n',
  );
  writeFileSync(
    at('setup.conf'),
    [
      'create_certs_tool = /usr/bin/swtpm_localca',
      `create_certs_tool_config = ${at('ca.conf')}`,
      `create_certs_tool_options = ${at('ca.options')}`,
    ].join('\n'),
  );
  const { status, stdout, stderr } = spawnSync(
    'swtpm_setup',
    [
      ...['--tpm2', '--tpmstate', folder, '--config', at('setup.conf')],
      ...['--create-ek-cert', '--lock-nvram', '--overwrite'],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`swtpm_setup: ${status} ${stdout} ${stderr}`);
  const root = readFileSync(at('swtpm-localca-rootca-cert.pem'), 'utf8');
  return `${root}\n${readFileSync(at('issuercert.pem'), 'utf8')}`;
}
