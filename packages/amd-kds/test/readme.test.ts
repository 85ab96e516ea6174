import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { createKdsClient } from '../src/index.ts';
import { NOW, startKds, vectorCertificate } from './support/kds-server.ts';

test.each([
  ['milan-v2-virtee', 'vcek.der'],
  ['genoa-v5-routex', 'vcek.pem'],
  ['turin-v5-routex', 'vcek.pem'],
])('the README shows an example that has the certificate of the report %s', async (name, file) => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
  const home = process.cwd();
  const folder = await mkdtemp(join(tmpdir(), 'amd-kds-'));
  process.chdir(folder);
  onTestFinished(async () => {
    process.chdir(home);
    await rm(folder, { recursive: true });
  });
  const { vcekOf } = await import('./readme-example.ts');
  const vcek = await vectorCertificate(`snp/${name}/${file}`);
  const server = await startKds(vcek);
  const client = await createKdsClient({
    baseUrl: server.baseUrl,
    allowedHosts: server.allowedHosts,
    tlsRoots: server.tlsRoots,
    now: () => NOW,
  });
  const report = await readFile(join(vectorsDir(), 'snp', name, 'report.bin'));
  expect(await vcekOf(new Uint8Array(report), client)).toStrictEqual(vcek);
  expect(server.requests).toHaveLength(2);
});
