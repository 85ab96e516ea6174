import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS, type PartyVariant } from '@cmc/testbed';
import { jwtVerify } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseOutput } from './outputs.ts';
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

async function withReport(variant: PartyVariant = 'good') {
  const site = await createSite();
  const { address } = await site.startDaemon('prover', variant);
  const { code } = await site.cmcctl(
    'generate',
    '--cmc-addr',
    address,
    '--report',
    'r',
    '--nonce',
    'n',
  );
  expect(code).toBe(0);
  const flags = [
    '--standalone',
    '--root-cas',
    site.files.metadataCa,
    '--report',
    'r',
    '--nonce',
    'n',
  ];
  return { site, address, verify: (...more: string[]) => site.cmcctl('verify', ...flags, ...more) };
}

test('accepts a good report, standalone and with a daemon', async () => {
  const { site, address, verify } = await withReport();
  expect(await verify()).toMatchObject({ code: 0, stderr: '' });
  const flags = ['--cmc-addr', address, '--report', 'r', '--nonce', 'n', '--json'];
  const { code, stdout } = await site.cmcctl('verify', ...flags);
  expect(code).toBe(0);
  expect(parseOutput('verify', stdout).reports[0]?.result?.summary.status).toBe('success');
});

test.each([
  ['tampered', /signature does not verify/],
  ['expired', /not valid after/],
  ['extraComponent', /prover-guard/],
] as const)('refuses a %s party and says why: exit code 1', async (variant, reason) => {
  const { verify } = await withReport(variant);
  expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringMatching(reason) });
});

test('refuses with another CA, and with another nonce', async () => {
  const { site, verify } = await withReport();
  expect(await verify('--root-cas', site.files.tlsCa)).toMatchObject({ code: 1 });
  expect(await verify('--nonce', '00'.repeat(32))).toMatchObject({ code: 1 });
});

test('one refused report among several: exit code 1', async () => {
  const { site, verify } = await withReport();
  writeFileSync(join(site.folder, 'bad'), 'hello');
  const { code, stdout } = await verify('--report', 'r,bad', '--json');
  expect(code).toBe(1);
  const statuses = parseOutput('verify', stdout).reports.map(({ status }) => status);
  expect(statuses).toStrictEqual(['success', 'fail']);
});

test('every policy must accept', async () => {
  const { site, verify } = await withReport();
  writeFileSync(join(site.folder, 'yes.js'), 'true');
  writeFileSync(join(site.folder, 'no.js'), 'false');
  expect(await verify('--policies', 'yes.js,yes.js')).toMatchObject({ code: 0 });
  expect(await verify('--policies', 'yes.js,no.js')).toMatchObject({ code: 1 });
  expect(await verify('--policies', 'no.js,yes.js')).toMatchObject({ code: 1 });
});

test('another time is refused unless asked for, and marked', async () => {
  const { verify } = await withReport();
  const now = new Date().toISOString();
  expect(await verify('--at', now)).toMatchObject({ code: 2 });
  const marked = await verify('--at', now, '--archived');
  expect(marked).toMatchObject({ code: 0, stdout: expect.stringContaining(`as of ${now}`) });
  expect(await verify('--at', '2001-01-01T00:00:00Z', '--archived')).toMatchObject({ code: 1 });
});

test.each([
  ['junit', /<testsuites tests="1" failures="1" errors="0">/],
  ['sarif', /"level": "error"/],
  ['github', /^::error file=r,title=/],
])('prints %s', async (format, expected) => {
  const { verify } = await withReport('expired');
  expect(await verify('--format', format)).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(expected),
  });
});

describe('an EAT Attestation Result', () => {
  test.each([
    ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['PS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ])('signed with %s verifies, and affirms nothing for a software key', async (alg, make) => {
    const { site, verify } = await withReport();
    const { privateKey, publicKey } = make();
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(site.folder, 'k.pem'), pem, { mode: 0o600 });
    expect(await verify('--ear-key', 'k.pem', '--ear-out', 'e.jwt')).toMatchObject({ code: 0 });
    const jwt = readFileSync(join(site.folder, 'e.jwt'), 'utf8');
    const { payload } = await jwtVerify(jwt, publicKey, { algorithms: [alg] });
    expect(payload).toStrictEqual({
      eat_profile: 'tag:ietf.org,2026:rats/ear#04',
      iat: expect.any(Number),
      ear_verifier_id: {
        developer: expect.any(String),
        build: expect.stringMatching(/^cmcctl \d/),
      },
      submods: {
        CMC: {
          ear_status: 'none',
          ear_trustworthiness_vector: { 'instance-identity': 0, executables: 0 },
          eat_nonce: readFileSync(join(site.folder, 'n')).toString('base64'),
        },
      },
    });
  });
});

describe('inspect', () => {
  test('shows a report, and does not call it verified', async () => {
    const { site } = await withReport();
    const { code, stdout } = await site.cmcctl('inspect', 'report', 'r', '--json');
    expect(code).toBe(0);
    const nonce = readFileSync(join(site.folder, 'n')).toString('hex');
    expect(parseOutput('inspect-report', stdout)).toMatchObject({ verified: false, nonce });
  });

  test('accepts a certificate under its root, refuses it under another, cannot read text', async () => {
    const { site } = await withReport();
    const { server, tlsCa, metadataCa } = site.files;
    const cert = (...flags: string[]) => site.cmcctl('inspect', 'cert', ...flags, '--json');
    const good = await cert(server.cert, '--roots', tlsCa);
    expect(good.code).toBe(0);
    expect(parseOutput('inspect-cert', good.stdout).verdict).toBe('accept');
    expect(await cert(server.cert, '--roots', metadataCa)).toMatchObject({ code: 1 });
    expect(await cert('n')).toMatchObject({ code: 2 });
  });
});

test('token prints a token of the provisioning server', async () => {
  const site = await createSite();
  const store = `sqlite://${join(site.folder, 'p.db')}`;
  const flags = ['--store', store, '--names', 'a.example.org'];
  const { code, stdout } = await site.cmcctl('token', ...flags);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^[\w-]{8}\.[\w-]{32}\n$/);
  const json = await site.cmcctl('token', ...flags, '--valid', '2h', '--json');
  const { expiresAt, allowedNames } = parseOutput('token', json.stdout);
  expect(allowedNames).toStrictEqual(['a.example.org']);
  expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(2 * 3_600_000);
  expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(2 * 3_600_000 - 60_000);
  expect(await site.cmcctl('token', ...flags, '--valid', '48')).toMatchObject({ code: 2 });
  expect(await site.cmcctl('token', '--store', store, '--names', 'no name')).toMatchObject({
    code: 2,
  });
});

test('dial: both attested connect; a server with expired metadata is refused', async () => {
  const site = await createSite();
  const client = await site.startDaemon('client');
  for (const [variant, expected] of [
    ['good', 0],
    ['expired', 1],
  ] as const) {
    const server = await site.startDaemon(`server-${variant}`, variant);
    const { cert, key } = site.files.server;
    const { address, child } = await site.startServer(
      ...(['listen', '--cmc-addr', server.address] as const),
      ...['--root-cas', site.files.tlsCa, '--cert', cert, '--key', key],
    );
    const flags = ['--addr', address, '--root-cas', site.files.tlsCa, '--data', 'hello'];
    const outcome = await site.cmcctl('dial', '--cmc-addr', client.address, ...flags, '--json');
    expect(outcome.code).toBe(expected);
    const { connected, answer } = parseOutput('dial', outcome.stdout);
    expect({ connected, answer }).toStrictEqual({
      connected: expected === 0,
      answer: expected === 0 ? 'hello' : undefined,
    });
    child.kill();
  }
});
