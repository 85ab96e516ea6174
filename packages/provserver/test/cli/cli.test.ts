import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { parseToken } from '../../src/auth/token.ts';
import { openDatabase } from '../../src/store/open-database.ts';
import { openStore } from '../../src/store/open-store.ts';
import { DAY_MS, newCertificate } from '../support/certificates.ts';
import { initialised, run } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8' });

function databaseUrl(config: string): string {
  return JSON.parse(readFileSync(config, 'utf8')).database;
}

async function record(config: string): Promise<string> {
  await using store = await openStore(databaseUrl(config));
  const now = new Date();
  const certificate = newCertificate({
    notBefore: now,
    notAfter: new Date(now.getTime() + DAY_MS),
    subject: 'CN=evil\u001b[2J',
  });
  await store.issueCertificate(certificate, now);
  return certificate.serial;
}

test('init makes a chain that openssl accepts for its names, and keys nobody else can read', async () => {
  const { folder } = await initialised();
  const file = (name: string): string => join(folder, name);
  const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', file('root.pem')];
  const chain = ['-untrusted', file('ca-chain.pem')];
  for (const check of [
    ['-verify_hostname', 'prov.example'],
    ['-verify_ip', '192.0.2.7'],
  ]) {
    expect(openssl(...verify, ...chain, ...check, file('tls-chain.pem'))).toMatch(/OK$/m);
  }
  const other = ['-verify_hostname', 'other.example'];
  expect(() => openssl(...verify, ...chain, ...other, file('tls-chain.pem'))).toThrow();
  for (const name of ['root-key.pem', 'ca-key.pem', 'tls-key.pem', 'provserver.json']) {
    expect(statSync(file(name)).mode & 0o777).toBe(0o600);
  }
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test('init makes a config that is closed', async () => {
  const { config } = await initialised();
  const settings = JSON.parse(readFileSync(config, 'utf8'));
  expect(settings).toMatchObject({
    estAddr: '127.0.0.1:9000',
    endpoints: { simpleenroll: [], attestenroll: ['attestation'] },
    allowedNames: [],
    spkiNonce: 'refuse',
  });
});

test('init overwrites nothing, and leaves nothing when it fails', async () => {
  const parent = temporaryFolder();
  const folder = join(parent, 'prov');
  mkdirSync(folder);
  writeFileSync(join(folder, 'precious'), 'x');
  const { code, error } = await run('init', '--dir', folder);
  expect([code, error]).toEqual([2, expect.stringContaining('ERR_PROV_EXISTS')]);
  expect(readdirSync(folder)).toEqual(['precious']);
  expect(readdirSync(parent)).toEqual(['prov']);
  expect((await run('init', '--dir', join(parent, 'new'), '--name', 'a b')).code).toBe(2);
  expect(readdirSync(parent)).toEqual(['prov']);
});

test('a token is shown once, and only its hash is kept', async () => {
  const { folder, config } = await initialised();
  const made = await run('token', '--config', config, '--names', 'A.example', '--valid', '2h');
  const token = parseToken(made.out.trim());
  expect(token).toBeDefined();
  if (token === undefined) return;
  await using store = await openStore(databaseUrl(config));
  const check = (now: Date): Promise<object> =>
    store.checkToken(token.id, token.secretHash, 'aa', now);
  expect(await check(new Date())).toEqual({ ok: true, allowedNames: ['a.example'], spent: false });
  expect(await check(new Date(Date.now() + 2 * 3_600_000))).toMatchObject({ reason: 'expired' });
  const [, secret = ''] = token.text.split('.');
  expect(readFileSync(join(folder, 'provserver.db')).includes(secret)).toBe(false);
  expect((await run('audit', '--config', config)).out).not.toContain(secret);
});

test.each([
  ['token', '--valid', '0h'],
  ['token', '--valid', '5000d'],
  ['token', '--names', 'a b'],
  ['list', '--state', 'lost'],
  ['revoke', '00'],
  ['revoke', '00', '--reason', 'toString'],
  ['revoke'],
  ['crl'],
  ['frobnicate'],
])('%s %s %s is refused with exit code 2', async (...args) => {
  const { config } = await initialised();
  const { code, out } = await run(...args, '--config', config);
  expect([code, out]).toEqual([2, '']);
});

test('without its database the program exits with 3', async () => {
  const { config } = await initialised();
  const database = 'postgres://prov@127.0.0.1:1/prov';
  const { code, error } = await run('list', '--config', config, '--database', database);
  expect([code, error]).toEqual([3, expect.stringContaining('ERR_PROV_DATABASE')]);
});

test('a revoked certificate is in the next list, which openssl accepts', async () => {
  const { folder, config } = await initialised();
  const serial = await record(config);
  const kept = await record(config);
  const colons = serial.toUpperCase().replace(/..(?=.)/g, '$&:');
  const revoke = ['revoke', colons, '--reason', 'keyCompromise', '--config', config, '--json'];
  expect(JSON.parse((await run(...revoke)).out)).toEqual({ serial, revoked: true });
  expect(JSON.parse((await run(...revoke)).out)).toEqual({ serial, revoked: false });

  const numbers: bigint[] = [];
  for (const name of ['one.pem', 'two.crl']) {
    const out = join(folder, name);
    expect((await run('crl', '--out', out, '--config', config)).code).toBe(0);
    const form = name.endsWith('.pem') ? 'PEM' : 'DER';
    const text = openssl('crl', '-inform', form, '-in', out, '-noout', '-text', '-crlnumber');
    expect(text).toContain(serial.toUpperCase());
    expect(text).toContain('Key Compromise');
    expect(text).not.toContain(kept.toUpperCase());
    numbers.push(BigInt(/crlNumber=(0x[0-9A-F]+)/.exec(text)?.[1] ?? -1));
  }
  expect(numbers).toEqual([1n, 2n]);
  // Its exit code is 0 either way.
  const verdict = (authority: string): string =>
    execFileSync(
      'sh',
      [
        '-c',
        'openssl crl -noout -verify -in "$1" -CAfile "$2" 2>&1',
        'sh',
        join(folder, 'one.pem'),
        join(authority, 'ca-chain.pem'),
      ],
      { encoding: 'utf8' },
    );
  expect(verdict(folder)).toContain('verify OK');
  expect(verdict((await initialised()).folder)).not.toContain('verify OK');
});

test('lists show the state, and nothing in a name steers the terminal', async () => {
  const { config } = await initialised();
  const [serial] = [await record(config), await record(config)];
  await run('revoke', serial, '--config', config);
  const lines = (await run('list', '--config', config)).out.trim().split('\n');
  expect(lines.map((line) => line.split('  ')[1])).toEqual(['revoked', 'valid']);
  expect(lines.join('')).not.toContain('\u001b');
  const revoked = await run('list', '--state', 'revoked', '--json', '--config', config);
  expect(JSON.parse(revoked.out)).toMatchObject({ serial, state: 'revoked' });
});

test('audit --verify exits with 1 when an entry was removed', async () => {
  const { config } = await initialised();
  await record(config);
  await record(config);
  const verify = ['audit', '--verify', '--json', '--config', config];
  const { code, out } = await run(...verify);
  expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ ok: true, entries: 2 })]);
  const database = await openDatabase(databaseUrl(config));
  await database.deleteFrom('audit').where('sequence', '=', 1).execute();
  await database.destroy();
  expect(await run(...verify)).toMatchObject({ code: 1, out: expect.stringContaining('entry 1') });
});

test('serves without a command, and says what is no command', async () => {
  const nothing = await run();
  expect(nothing).toMatchObject({ code: 2, out: '' });
  expect(nothing.error).toContain('estCaKey');
  const wrong = await run('tokn');
  expect(wrong.code).toBe(2);
  expect(wrong.error).toContain('"tokn" is no command');
});

test('init writes the names that devices may have, and refuses what is no name', async () => {
  const dir = join(temporaryFolder(), 'prov');
  const wrong = await run('init', '--dir', dir, '--allow-names', 'a.example,b/c');
  expect(wrong.code).toBe(2);
  const { out } = await run('init', '--dir', dir, '--allow-names', '*.example,{prover}');
  const { allowedNames } = JSON.parse(readFileSync(out.trim(), 'utf8'));
  expect(allowedNames).toEqual(['*.example', '{prover}']);
});
