import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A PostgreSQL of its own, on a Unix socket in a temporary folder. */
export interface Postgres extends AsyncDisposable {
  /** URL of a new, empty database. */
  createDatabase(): Promise<string>;
}

/** Folder of Debian's newest PostgreSQL programs. */
function programs(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root) : [];
  const newest = versions.map(Number).sort((a, b) => b - a)[0];
  return newest === undefined ? undefined : join(root, String(newest), 'bin');
}

/** Whether to run tests with PostgreSQL: not where it is missing, but in CI it must not be. */
export function hasPostgres(): boolean {
  if (programs() !== undefined) return true;
  const hint = 'PostgreSQL is missing: apt-get install postgresql';
  if (process.env['CI'] !== undefined) throw new Error(hint);
  console.warn(`skipped: ${hint}`);
  return false;
}

/** initdb and postgres refuse to run as root. */
function asUser(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]];
  return ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', command, ...args]];
}

export async function startPostgres(): Promise<Postgres> {
  const bin = programs();
  if (bin === undefined) throw new Error('PostgreSQL is missing');
  const folder = mkdtempSync(join(tmpdir(), 'cmc-pg-'));
  if (process.getuid?.() === 0) execFileSync('chown', ['postgres', folder]);
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  const initdb = ['-D', data, '-U', 'prov', '-A', 'trust', '--no-sync', '-E', 'UTF8'];
  await run(...asUser(join(bin, 'initdb'), initdb), { cwd: folder });
  const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'max_connections=50'];
  const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
  const server = spawn(...asUser(join(bin, 'postgres'), args), { cwd: folder, stdio: 'ignore' });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const psql = async (sql: string): Promise<void> => {
    await run(join(bin, 'psql'), ['-h', folder, '-U', 'prov', '-d', 'postgres', '-c', sql]);
  };
  for (let tries = 0; ; tries++) {
    try {
      await psql('select 1');
      break;
    } catch (error) {
      if (tries === 200) throw error;
      await setTimeout(50);
    }
  }
  let databases = 0;
  return {
    async createDatabase() {
      const name = `prov${++databases}`;
      await psql(`create database ${name}`);
      return `postgres://prov@/${name}?host=${encodeURIComponent(folder)}`;
    },
    async [Symbol.asyncDispose]() {
      server.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
