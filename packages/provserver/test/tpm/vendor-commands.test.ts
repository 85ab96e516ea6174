import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePem, parsePemCertificates } from '@cmc/attestationreport/x509';
import { createFakeCa, vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { openSqliteDatabase } from '../../src/store/sqlite-database.ts';
import { readVendorPem, readVendorSqlite } from '../../src/tpm/import-vendor-certificates.ts';
import { initialised, run } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ANCHORS = join(vectorsDir(), 'trust-anchors', 'tpm-ek');
const ROOT = join(ANCHORS, 'STM_RSA_RT.pem');
const SELF_SIGNED = join(ANCHORS, 'NTC1.pem');

/** A database as the reference has it. */
function referenceDatabase(rows: readonly (readonly [string, number])[]): string {
  const path = join(temporaryFolder(), 'ek.db');
  const database = openSqliteDatabase(path);
  database
    .prepare(
      "create table trustanchors (Num integer primary key, Manufacturer text, FwMajor int, FwMinor int, Type text default 'RSA', Name text, Certs blob, CA int default 0)",
    )
    .run([]);
  for (const [pem, ca] of rows) {
    database
      .prepare("insert into trustanchors (Manufacturer, Certs, CA) values ('STM', ?, ?)")
      .run([new TextEncoder().encode(pem), ca]);
  }
  // As the reference has it: everything in one file.
  database.prepare('pragma journal_mode = delete').all([]);
  database.close();
  return path;
}

test('ek-roots imports, lists and removes, and says what is a root', async () => {
  const { config } = await initialised();
  const roots = async (...args: string[]): ReturnType<typeof run> =>
    await run('ek-roots', ...args, '--config', config);
  expect(await roots('import', SELF_SIGNED)).toMatchObject({
    code: 0,
    out: '1 certificates, 1 of them roots; 1 are new or trusted anew\n',
  });
  expect((await roots('import', ROOT)).out).toContain('0 of them roots; 1 are new');
  expect((await roots('import', '--anchor', '--json', ROOT)).out).toBe(
    '{"found":1,"roots":1,"added":1}\n',
  );
  const listed = await roots('list', '--json');
  const lines = listed.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ trust }) => trust)).toEqual(['root', 'root']);
  const { sha256 } = lines.find(({ subject }) => subject.includes('STM TPM EK Root CA'));
  expect((await roots('remove', sha256.toUpperCase())).out).toBe(`${sha256} is removed\n`);
  expect(await roots('remove', sha256)).toMatchObject({ code: 2 });
  expect((await roots('list')).out).toMatch(
    /^[0-9a-f]{64} {2}root {2}2032-.* {2}.*NTC TPM EK Root/,
  );
});

test("ek-roots takes over the reference's database, and leaves it as it is", async () => {
  const [intermediate, root] = [
    ...(await readVendorPem(ROOT)),
    ...(await readVendorPem(SELF_SIGNED)),
  ];
  const path = referenceDatabase([
    [readFileSync(ROOT, 'utf8'), 0],
    [readFileSync(SELF_SIGNED, 'utf8'), 1],
  ]);
  const before = readFileSync(path);
  expect(await readVendorSqlite(path)).toEqual([intermediate, root]);
  const { config } = await initialised();
  const answer = await run('ek-roots', 'import-sqlite', path, '--config', config);
  expect(answer.out).toContain('2 certificates, 1 of them roots; 2 are new');
  expect(readFileSync(path)).toEqual(before);
});

test('what is no file of certificates is not imported', async () => {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, 'nothing');
  const refused = { code: 'ERR_PROV_CONFIG' };
  await expect(readVendorPem(path)).rejects.toMatchObject(refused);
  await expect(readVendorSqlite(path)).rejects.toMatchObject(refused);
  await expect(readVendorPem(`${path}2`)).rejects.toMatchObject(refused);
  const { config } = await initialised();
  const answer = await run('ek-roots', 'import', path, '--config', config);
  expect(answer).toMatchObject({ code: 2, error: expect.stringContaining('cannot be imported') });
});

test('a certificate that only says that it is its own issuer is no root', async () => {
  const [real] = parsePemCertificates(createFakeCa({ commonName: 'Vendor' }).pem);
  const raw = (real as { readonly raw: Uint8Array }).raw.slice();
  raw[raw.length - 1] = (raw.at(-1) ?? 0) ^ 1;
  const path = join(temporaryFolder(), 'forged.pem');
  writeFileSync(path, encodePem(raw, 'CERTIFICATE'));
  expect(await readVendorPem(path)).toMatchObject([{ isRoot: false }]);
});

test('forget-device says when there is no such device', async () => {
  const { config } = await initialised();
  const answer = await run('forget-device', 'node-7', '--config', config);
  expect(answer).toMatchObject({ code: 2, error: expect.stringContaining('node-7') });
});

test('a list of revoked endorsement keys with anything but digests is refused', async () => {
  const { createEkPolicy } = await import('../../src/tpm/ek-policy.ts');
  const path = join(temporaryFolder(), 'revoked');
  const parts = { store: {}, logger: {}, now: new Date() } as never;
  writeFileSync(path, `# ours\n\n${'AB'.repeat(32)} # stolen\n`);
  const { revoked } = await createEkPolicy({ revokedEks: [path] }, parts);
  expect([...revoked]).toEqual(['ab'.repeat(32)]);
  for (const line of ['ab', `${'ab'.repeat(32)} stolen`, 'xy'.repeat(32)]) {
    writeFileSync(path, `${line}\n`);
    await expect(createEkPolicy({ revokedEks: [path] }, parts)).rejects.toMatchObject({
      code: 'ERR_PROV_CONFIG',
    });
  }
});
