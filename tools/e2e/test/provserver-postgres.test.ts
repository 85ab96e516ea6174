import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSoftwareKey, softwareSigner } from '@cmc/driver-sw';
import { createCsr, decodeBase64Lines, decodeCertsOnly, encodeBase64Lines } from '@cmc/est';
import { createToken, openStore } from '@cmc/provserver';
import { BUILD_TIMEOUT_MS, type RunningProgram, runProgram, startProgram } from '@cmc/testbed';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hasPostgres, startPostgres } from '../../../packages/provserver/test/support/postgres.ts';
import { buildPrograms } from './support/site.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

beforeAll(buildPrograms, BUILD_TIMEOUT_MS);

const PROVSERVER = fileURLToPath(
  new URL('../../../packages/provserver/dist/main.js', import.meta.url),
);
const TOKENS = 100;
const TIMEOUT_MS = 120_000;
const DAY_MS = 86_400_000;

interface Answer {
  readonly status: number;
  readonly serial?: string;
}

/** A simple enrolment of a new key, from an address of its own: servers slow down who fails often. */
async function enroll(
  { port, ca }: { readonly port: number; readonly ca: string },
  token: string,
  number: number,
): Promise<Answer> {
  const signer = softwareSigner({ privateKey: await createSoftwareKey({ algorithm: 'EC256' }) });
  const body = encodeBase64Lines(await createCsr({ signer, subject: { commonName: 'device' } }));
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...{ host: '127.0.0.1', servername: 'localhost', port, ca, method: 'POST', agent: false },
        path: '/.well-known/est/simpleenroll',
        localAddress: `127.0.1.${1 + number}`,
        headers: { 'content-type': 'application/pkcs10', authorization: `Bearer ${token}` },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const status = incoming.statusCode ?? 0;
          if (status !== 200) return resolve({ status });
          const [certificate] = decodeCertsOnly(decodeBase64Lines(Buffer.concat(chunks)));
          const serial = Buffer.from(certificate?.serialNumber ?? []).toString('hex');
          resolve({ status, serial });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe.skipIf(!hasPostgres())('two servers on one PostgreSQL', () => {
  test(
    '200 enrolments at once with 100 tokens give exactly 100 certificates, and lose none',
    async () => {
      await using postgres = await startPostgres();
      const database = await postgres.createDatabase();
      const folder = join(temporaryFolder(), 'prov');
      const init = await runProgram(PROVSERVER, ['init', '--dir', folder]);
      expect(init.code, init.stderr).toBe(0);
      const config = join(folder, 'provserver.json');
      const made = JSON.parse(readFileSync(config, 'utf8'));
      const endpoints = { ...made.endpoints, simpleenroll: ['token'] };
      const settings = { ...made, database, endpoints, estAddr: '127.0.0.1:0' };
      writeFileSync(config, JSON.stringify(settings));
      const servers = [await serve(config), await serve(config)];
      const ca = readFileSync(join(folder, 'root.pem'), 'utf8');

      await using store = await openStore(database);
      const now = new Date();
      const expiresAt = new Date(now.getTime() + DAY_MS);
      const tokens = Array.from({ length: TOKENS }, createToken);
      for (const { id, secretHash } of tokens) {
        await store.createToken({ id, secretHash, expiresAt, allowedNames: ['device'] }, now);
      }
      const answers = await Promise.all(
        [...tokens, ...tokens].map(({ text }, i) =>
          enroll({ port: servers[i % 2]?.port ?? 0, ca }, text, i),
        ),
      );
      const issued = answers.filter(({ status }) => status === 200);
      expect(issued).toHaveLength(TOKENS);
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(TOKENS);

      const recorded = await store.listCertificates({ limit: 1000, now });
      expect(recorded.map(({ serial }) => serial).sort()).toEqual(
        issued.map(({ serial }) => serial).sort(),
      );
      expect(new Set(recorded.map(({ token }) => token)).size).toBe(TOKENS);
      expect((await runProgram(PROVSERVER, ['audit', '--verify', '--config', config])).code).toBe(
        0,
      );
    },
    TIMEOUT_MS,
  );
});

async function serve(config: string): Promise<{ readonly port: number }> {
  const program: RunningProgram = await startProgram(
    PROVSERVER,
    ['serve', '--config', config],
    'listening',
  );
  onTestFinished(async () => {
    await program.stop();
  });
  const { address: listening } = await program.logged('listening');
  const address = String(listening);
  return { port: Number(address.slice(address.lastIndexOf(':') + 1)) };
}
