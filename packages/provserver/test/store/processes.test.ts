import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createToken } from '../../src/auth/token.ts';
import { auditProblem } from '../../src/store/audit-hash.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { AuditEntry, Store } from '../../src/store/store.ts';
import { DAY_MS, NOW } from '../support/certificates.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const KILLS = 25;
const MAX_LIFE_MS = 60;
const TIMEOUT_MS = 120_000;

describe('on SQLite', () => {
  processes(async () => `sqlite://${join(temporaryFolder(), 'prov.db')}`);
});

describe.skipIf(!hasPostgres())('on PostgreSQL', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
  });
  processes(() => postgres.createDatabase());
});

/** The writer as one file, which Node runs without a build of the workspace. */
async function bundleWriter(): Promise<string> {
  const source = fileURLToPath(new URL('../support/store-writer.ts', import.meta.url));
  const outfile = join(temporaryFolder(), 'store-writer.cjs');
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    conditions: ['@cmc/source'],
    external: ['libsql', 'pg-native'],
    // Where native packages are looked for.
    define: { 'import.meta.url': JSON.stringify(import.meta.url) },
    logLevel: 'error',
  });
  return outfile;
}

interface Writer {
  readonly process: ChildProcess;
  /** `<state> <serial>` of what was acknowledged so far. */
  lines(): readonly string[];
  readonly ended: Promise<unknown>;
}

function startWriter(program: string, ...args: string[]): Writer {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  // A line that was not ended acknowledges nothing.
  return {
    process: child,
    lines: () => output.split('\n').slice(0, -1),
    ended: once(child, 'close'),
  };
}

async function wholeTrail(store: Store): Promise<readonly AuditEntry[]> {
  const trail: AuditEntry[] = [];
  for (;;) {
    const page = await store.auditTrail({ after: trail.length, limit: 1000 });
    trail.push(...page);
    if (page.length < 1000) return trail;
  }
}

function processes(newUrl: () => Promise<string>): void {
  test('two processes with the same 100 tokens make 100 certificates', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [url, program] = [await newUrl(), await bundleWriter()];
    await using store = await openStore(url);
    const tokens = Array.from({ length: 100 }, createToken);
    const expiresAt = new Date(NOW.getTime() + DAY_MS);
    for (const { id, secretHash } of tokens) {
      await store.createToken({ id, secretHash, expiresAt, allowedNames: ['*'] }, NOW);
    }
    const ids = tokens.map(({ id }) => id).join(',');
    const writers = [startWriter(program, url, ids), startWriter(program, url, ids)];
    await Promise.all(writers.map(({ ended }) => ended));
    const states = writers.flatMap((writer) => writer.lines().map((line) => line.split(' ')[0]));
    expect(states.filter((state) => state === 'issued')).toHaveLength(100);
    expect(states.filter((state) => state === 'refused')).toHaveLength(100);
    const recorded = await store.listCertificates({ limit: 1000, now: NOW });
    expect(new Set(recorded.map(({ token }) => token))).toEqual(
      new Set(tokens.map(({ id }) => id)),
    );
    expect(recorded).toHaveLength(100);
    const trail = await wholeTrail(store);
    expect(trail).toHaveLength(300);
    expect(auditProblem(trail)).toBeUndefined();
  });

  test(`${KILLS} kills of a writer lose no acknowledged certificate and leave no gap`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [url, program] = [await newUrl(), await bundleWriter()];
    const acknowledged: string[] = [];
    for (let i = 0; i < KILLS; i++) {
      const writer = startWriter(program, url);
      // Some are killed while they open the database.
      if (i % 5 !== 0) while (writer.lines().length === 0) await setTimeout(1);
      await setTimeout(Math.random() * MAX_LIFE_MS);
      writer.process.kill('SIGKILL');
      await writer.ended;
      acknowledged.push(...writer.lines().map((line) => line.split(' ')[1] ?? ''));
    }
    await using store = await openStore(url);
    const trail = await wholeTrail(store);
    expect(auditProblem(trail)).toBeUndefined();
    const recorded = new Set(trail.map(({ details }) => details['serial']));
    expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS - KILLS / 5);
    expect(acknowledged.filter((serial) => !recorded.has(serial))).toEqual([]);
    // What is in the trail is there, and nothing else.
    for (const serial of acknowledged.slice(-20)) {
      expect(await store.certificate(serial)).toMatchObject({ serial });
    }
    const listed = await store.listCertificates({ limit: 10_000, now: NOW });
    expect(listed).toHaveLength(Math.min(trail.length, 10_000));
  });
}
