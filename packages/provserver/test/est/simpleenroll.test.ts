import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { toHex } from '@cmc/bytes';
import {
  createCsr,
  decodeBase64Lines,
  decodeCertsOnly,
  encodeBase64Lines,
  issueCertificate,
  KeyPurpose,
} from '@cmc/est';
import { createFakeCa, flipEachByte } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { readIssuer } from '../../src/config/key-files.ts';
import { newCertificate } from '../support/certificates.ts';
import {
  auditActions,
  createKey,
  csrFor,
  simpleRequest,
  startTestServer,
  type TestServer,
} from '../support/server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PATH = '/.well-known/est/simpleenroll';
const REENROLL = '/.well-known/est/simplereenroll';
const TOKEN = { endpoints: { simpleenroll: ['token'] } } as const;

async function statusOf(server: TestServer, csr: Uint8Array, token?: string): Promise<number> {
  return (await server.send({ path: PATH, ...simpleRequest(csr, token) })).status;
}

/** A device with a certificate. */
async function enrolled(server: TestServer, name = 'device.example') {
  const key = await createKey();
  const token = await server.token([name]);
  const certificate = await server.client({ token }).simpleEnroll(await csrFor(key.signer, name));
  return { key, certificate, tls: { cert: pemOf(certificate.raw), key: key.pem } };
}

function pemOf(der: Uint8Array): string {
  const text = Buffer.from(der).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
}

test('is closed unless the settings open it, also with a good token', async () => {
  const server = await startTestServer();
  const { signer } = await createKey();
  const answer = await server.send({
    path: PATH,
    ...simpleRequest(await csrFor(signer), await server.token()),
  });
  expect(answer).toMatchObject({ status: 403, text: '/simpleenroll is closed on this server\n' });
});

test('a token gets one certificate for one key, and the same one when the request is repeated', async () => {
  const server = await startTestServer({ config: TOKEN });
  const token = await server.token(['device.example']);
  const { signer } = await createKey();
  const csr = await csrFor(signer);
  const client = server.client({ token });
  const certificate = await client.simpleEnroll(csr);
  expect(certificate.spki).toEqual(signer.publicKey);
  expect((await client.simpleEnroll(csr)).raw).toEqual(certificate.raw);
  const other = await createKey();
  expect(await statusOf(server, await csrFor(other.signer), token)).toBe(401);
  expect(await server.store.listCertificates({ limit: 10, now: new Date() })).toHaveLength(1);
});

test('a repeated request does not change the names of a token that is spent', async () => {
  const server = await startTestServer({ config: TOKEN });
  const token = await server.token(['a.example', 'b.example']);
  const { signer } = await createKey();
  expect(await statusOf(server, await csrFor(signer, 'a.example'), token)).toBe(200);
  expect(await statusOf(server, await csrFor(signer, 'b.example'), token)).toBe(403);
});

test('concurrent requests with one token make one certificate', async () => {
  const server = await startTestServer({ config: TOKEN });
  const token = await server.token();
  const csrs = await Promise.all(
    Array.from({ length: 8 }, async () => csrFor((await createKey()).signer)),
  );
  const statuses = await Promise.all(csrs.map((csr) => statusOf(server, csr, token)));
  expect(statuses.sort()).toEqual([200, ...Array.from({ length: 7 }, () => 401)]);
});

test('refuses a token that is missing, malformed, unknown, of another secret or expired', async () => {
  let now = new Date();
  const server = await startTestServer({ config: TOKEN, now: () => now });
  const token = await server.token(['*'], 1000);
  const csr = await csrFor((await createKey()).signer);
  const [id = ''] = token.split('.');
  const other = (await server.token()).split('.')[1] ?? '';
  const wrong = ['', 'x', `${token}=`, `AAAAAAAA.${other}`, `${id}.${other}`, token.toLowerCase()];
  expect(await statusOf(server, csr)).toBe(401);
  for (const text of wrong) expect(await statusOf(server, csr, text)).toBe(401);
  const basic = { ...simpleRequest(csr).headers, authorization: `Basic ${token}` };
  expect((await server.send({ path: PATH, ...simpleRequest(csr), headers: basic })).status).toBe(
    401,
  );
  now = new Date(now.getTime() + 1001);
  expect(await statusOf(server, csr, token)).toBe(401);
  expect(await server.store.listCertificates({ limit: 10, now })).toHaveLength(0);
});

test('answers and log lines hold no secret of a token', async () => {
  const lines: string[] = [];
  const log = (fields: object, message: string): void =>
    void lines.push(JSON.stringify(fields), message);
  const logger = { debug: log, info: log, warn: log, error: log };
  const server = await startTestServer({ config: TOKEN, logger });
  const token = await server.token(['a.example']);
  const [, secret = ''] = token.split('.');
  const csr = await csrFor((await createKey()).signer);
  const refused = await server.send({ path: PATH, ...simpleRequest(csr, token) });
  expect(refused.status).toBe(403);
  const trail = JSON.stringify(await server.store.auditTrail({ limit: 10 }));
  for (const text of [...lines, refused.text, trail]) expect(text).not.toContain(secret);
  expect(lines.length).toBeGreaterThan(0);
});

test('R47 a request that is not signed by its key is refused, whichever byte was changed', async () => {
  const server = await startTestServer({ config: TOKEN });
  const token = await server.token();
  const csr = await csrFor((await createKey()).signer);
  const changed = [...flipEachByte(csr)].map(({ bytes }) => bytes);
  for (const bytes of changed.filter((_, index) => index % 7 === 0)) {
    expect(await statusOf(server, bytes, token)).toBe(400);
  }
  expect(await statusOf(server, csr, token)).toBe(200);
});

test('R47 gives no name that the token does not allow, neither as common nor alternative name', async () => {
  const server = await startTestServer({ config: TOKEN });
  const { signer } = await createKey();
  const token = await server.token(['device.example', '192.0.2.7']);
  const common = { commonName: 'device.example' };
  const forbidden = [
    { subject: { commonName: 'other' } },
    { subject: common, dnsNames: ['device.example', 'other.example'] },
    { subject: common, dnsNames: ['*.example'] },
    { subject: common, ipAddresses: ['192.0.2.8'] },
  ];
  for (const names of forbidden) {
    expect(await statusOf(server, await createCsr({ signer, ...names }), token)).toBe(403);
  }
  const subject = { ...common, organization: 'Example' };
  expect(await statusOf(server, await createCsr({ signer, subject }), token)).toBe(400);
  const allowed = { subject: common, dnsNames: ['Device.EXAMPLE'], ipAddresses: ['192.0.2.7'] };
  const certificate = await server
    .client({ token })
    .simpleEnroll(await createCsr({ signer, ...allowed }));
  expect(certificate.subjectAlternativeName).toMatchObject({
    dnsNames: ['device.example'],
    ipAddresses: [Uint8Array.of(192, 0, 2, 7)],
  });
});

test.each([
  ['EC384', 200],
  ['EC521', 200],
  ['RSA2048', 200],
] as const)('takes a key of kind %s', async (algorithm, status) => {
  const server = await startTestServer({ config: TOKEN });
  const { signer } = await createKey(algorithm);
  expect(await statusOf(server, await csrFor(signer), await server.token())).toBe(status);
});

test.each([
  ['Ed25519', ['-algorithm', 'ED25519']],
  ['RSA of 1024 bits', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024']],
  ['RSA of 4104 bits', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:4104']],
  ['secp256k1', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1']],
])('refuses a key of kind %s', async (_, options) => {
  const server = await startTestServer({ config: TOKEN });
  const key = join(temporaryFolder(), 'key.pem');
  execFileSync('openssl', ['genpkey', ...options, '-out', key], { stdio: 'ignore' });
  const args = ['req', '-new', '-key', key, '-subj', '/CN=device.example', '-outform', 'DER'];
  const csr = new Uint8Array(execFileSync('openssl', args));
  expect(await statusOf(server, csr, await server.token())).toBe(400);
});

test('refuses requests for authorities and for kinds of names that are not checked', async () => {
  const server = await startTestServer({ config: TOKEN });
  const token = await server.token();
  const folder = temporaryFolder();
  const make = (...extensions: string[]): Uint8Array => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const added = extensions.flatMap((text) => ['-addext', text]);
    const args = ['req', '-new', ...key, '-keyout', join(folder, 'k.pem'), '-subj', '/CN=a'];
    return new Uint8Array(
      execFileSync('openssl', [...args, ...added, '-outform', 'DER'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  };
  expect(await statusOf(server, make('basicConstraints=CA:TRUE'), token)).toBe(400);
  expect(await statusOf(server, make('subjectAltName=email:a@b.example'), token)).toBe(400);
  expect(await statusOf(server, make('subjectAltName=URI:https://a.example'), token)).toBe(400);
  const many = Array.from({ length: 33 }, (_, i) => `DNS:a${i}.example`).join(',');
  expect(await statusOf(server, make(`subjectAltName=${many}`), token)).toBe(400);
  expect(await statusOf(server, make('keyUsage=keyCertSign'), token)).toBe(200);
  const [record] = await server.store.listCertificates({ limit: 1, now: new Date() });
  const { keyUsage, basicConstraints } = parseCertificate(record?.certificate ?? new Uint8Array());
  expect({ keyUsage, basicConstraints }).toEqual({
    keyUsage: ['digitalSignature'],
    basicConstraints: { isCa: false },
  });
});

test('R54 short, long and malformed bodies are answered with 400, 413 or 415', async () => {
  const server = await startTestServer({ config: TOKEN });
  const token = await server.token();
  const csr = await csrFor((await createKey()).signer);
  const send = async (body: Uint8Array | string, type = 'application/pkcs10'): Promise<number> => {
    const headers = { 'content-type': type, authorization: `Bearer ${token}` };
    return (await server.send({ method: 'POST', path: PATH, headers, body })).status;
  };
  for (const length of [0, 1, 4, 60, csr.length - 1]) {
    expect(await send(encodeBase64Lines(csr.subarray(0, length)))).toBe(400);
  }
  expect(await send('***')).toBe(400);
  expect(await send(csr)).toBe(400);
  expect(await send(new Uint8Array(100_000))).toBe(413);
  expect(await send(encodeBase64Lines(csr), 'text/plain')).toBe(415);
  expect(await send(encodeBase64Lines(csr), ';')).toBe(400);
});

test('too many refusals lock out an address for a while', async () => {
  const server = await startTestServer({ config: TOKEN });
  const csr = await csrFor((await createKey()).signer);
  const statuses: number[] = [];
  for (let i = 0; i < 22; i++) statuses.push(await statusOf(server, csr, 'wrong'));
  expect(statuses).toEqual([...Array.from({ length: 20 }, () => 401), 429, 429]);
  const token = await server.token();
  const locked = await server.send({ path: PATH, ...simpleRequest(csr, token) });
  expect(locked.status).toBe(429);
  expect(Number(locked.headers['retry-after'])).toBeGreaterThan(0);
  expect((await server.send({ path: '/.well-known/est/cacerts' })).status).toBe(200);
  expect((await auditActions(server.store)).filter((a) => a === 'enrollment-refused')).toHaveLength(
    20,
  );
});

test('curl and openssl get the CA certificates and enrol, and openssl verify accepts', async () => {
  const server = await startTestServer({ config: TOKEN });
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('root.pem'), server.rootPem);
  const curl = (path: string, ...more: string[]): Promise<Buffer> =>
    run('curl', [
      '-sSf',
      '--cacert',
      at('root.pem'),
      `${server.url}/.well-known/est/${path}`,
      ...more,
    ]);
  writeFileSync(at('ca.b64'), await curl('cacerts'));
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  openssl('base64', '-d', '-in', at('ca.b64'), '-out', at('ca.p7'));
  const caPem = openssl('pkcs7', '-inform', 'DER', '-in', at('ca.p7'), '-print_certs');
  writeFileSync(at('ca.pem'), caPem);
  expect(caPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-new',
    ...key,
    '-keyout',
    at('key.pem'),
    '-subj',
    '/CN=device.example',
    '-addext',
    'subjectAltName=DNS:device.example',
    '-outform',
    'DER',
    '-out',
    at('csr.der'),
  );
  openssl('base64', '-in', at('csr.der'), '-out', at('csr.b64'));
  const token = await server.token(['device.example']);
  const headers = [
    '-H',
    'Content-Type: application/pkcs10',
    '-H',
    `Authorization: Bearer ${token}`,
  ];
  writeFileSync(
    at('cert.b64'),
    await curl('simpleenroll', ...headers, '--data-binary', `@${at('csr.b64')}`),
  );
  openssl('base64', '-d', '-in', at('cert.b64'), '-out', at('cert.p7'));
  writeFileSync(
    at('cert.pem'),
    openssl('pkcs7', '-inform', 'DER', '-in', at('cert.p7'), '-print_certs'),
  );
  const verified = openssl(
    'verify',
    '-CAfile',
    at('root.pem'),
    '-untrusted',
    at('ca.pem'),
    at('cert.pem'),
  );
  expect(verified).toContain('OK');
  const [certificate] = decodeCertsOnly(decodeBase64Lines(readFileSync(at('cert.b64'))));
  expect(certificate?.subject).toBe('CN=device.example');
});

test('a client certificate is renewed for the same names, with the same or another key', async () => {
  const server = await startTestServer({ config: TOKEN });
  const { key, certificate } = await enrolled(server);
  const clientCertificate = { chain: [certificate.raw], privateKey: key.pem };
  const client = server.client({ clientCertificate });
  const renewed = await client.simpleReenroll(await csrFor(key.signer));
  expect(renewed.serialNumber).not.toEqual(certificate.serialNumber);
  const { signer } = await createKey();
  const other = await client.simpleReenroll(await csrFor(signer));
  expect(other.spki).toEqual(signer.publicKey);
  expect(other.subjectAlternativeName).toEqual(certificate.subjectAlternativeName);
});

test('R50 renewal needs a client certificate of this server that is valid and not revoked', async () => {
  const server = await startTestServer({ config: TOKEN });
  const { key, certificate, tls } = await enrolled(server);
  const request = { path: REENROLL, ...simpleRequest(await csrFor(key.signer)) };
  expect((await server.send(request)).status).toBe(403);
  const foreign = await createFakeCa().issue({
    commonName: 'device.example',
    dnsNames: ['device.example'],
    extendedKeyUsage: ['clientAuth'],
  });
  const foreignTls = { cert: foreign.chainPem, key: foreign.privateKeyPem };
  expect((await server.send({ ...request, tls: foreignTls })).status).toBe(403);
  // The server's own certificate is under the same authority, and was not issued by it to a client.
  const { tlsCaChain, tlsKey } = server.config;
  const own = {
    cert: readFileSync(tlsCaChain[0] ?? '', 'utf8'),
    key: readFileSync(tlsKey, 'utf8'),
  };
  expect((await server.send({ ...request, tls: own })).status).toBe(403);
  const names = { subject: { commonName: 'device.example' }, dnsNames: ['other.example'] };
  const renamed = await createCsr({ signer: key.signer, ...names });
  expect((await server.send({ path: REENROLL, ...simpleRequest(renamed), tls })).status).toBe(403);
  const fewer = await createCsr({ signer: key.signer, subject: { commonName: 'device.example' } });
  expect((await server.send({ path: REENROLL, ...simpleRequest(fewer), tls })).status).toBe(403);
  expect((await server.send({ ...request, tls })).status).toBe(200);
  await server.store.revokeCertificate(toHex(certificate.serialNumber), 'superseded', new Date());
  expect((await server.send({ ...request, tls })).status).toBe(403);
});

test('R50 a certificate with the serial number of another one in the records does not count', async () => {
  const server = await startTestServer();
  const key = await createKey();
  const issuer = await readIssuer(server.config);
  const now = new Date();
  const { certificate, serial } = await issueCertificate(
    {
      subject: { commonName: 'device.example' },
      publicKey: key.signer.publicKey,
      dnsNames: ['device.example'],
      purposes: [KeyPurpose.clientAuth],
      lifetimeMs: 3_600_000,
    },
    { issuer, now },
  );
  const tls = { cert: pemOf(certificate), key: key.pem };
  const request = { path: REENROLL, ...simpleRequest(await csrFor(key.signer)), tls };
  expect((await server.send(request)).status).toBe(403);
  const record = { serial, subject: 'CN=device.example', method: 'token' } as const;
  await server.store.issueCertificate(newCertificate(record), now);
  expect((await server.send(request)).status).toBe(403);
});

test('R50 a certificate that is not for TLS clients renews nothing', async () => {
  const server = await startTestServer();
  const key = await createKey();
  const issuer = await readIssuer(server.config);
  const now = new Date();
  const issue = async (purpose: string): Promise<number> => {
    const { certificate, serial } = await issueCertificate(
      {
        subject: { commonName: 'device.example' },
        publicKey: key.signer.publicKey,
        dnsNames: ['device.example'],
        purposes: [purpose],
        lifetimeMs: 3_600_000,
      },
      { issuer, now },
    );
    const record = { serial, certificate, subject: 'CN=device.example', method: 'token' } as const;
    await server.store.issueCertificate(newCertificate(record), now);
    const tls = { cert: pemOf(certificate), key: key.pem };
    const request = { path: REENROLL, ...simpleRequest(await csrFor(key.signer)), tls };
    return (await server.send(request)).status;
  };
  expect(await issue(KeyPurpose.attestationKey)).toBe(403);
  expect(await issue(KeyPurpose.clientAuth)).toBe(200);
});

test('R50 where a certificate is demanded besides a token, neither is enough', async () => {
  const open = await startTestServer({ config: TOKEN });
  const { tls } = await enrolled(open);
  const { database, estCaKey, estCaChain, rootCas } = open.config;
  const server = await startTestServer({
    config: {
      database,
      estCaKey,
      estCaChain,
      rootCas,
      endpoints: { simpleenroll: ['token', 'certificate'] },
    },
  });
  const csr = await csrFor((await createKey()).signer);
  const token = await server.token();
  const request = { path: PATH, ...simpleRequest(csr, token) };
  expect((await server.send(request)).status).toBe(403);
  expect((await server.send({ path: PATH, ...simpleRequest(csr), tls })).status).toBe(401);
  expect((await server.send({ ...request, tls })).status).toBe(200);
});

test('a certificate that has expired renews nothing', async () => {
  let now = new Date();
  const config = { ...TOKEN, certificateDays: 1 };
  const server = await startTestServer({ config, now: () => now });
  const { key, tls } = await enrolled(server);
  now = new Date(now.getTime() + 86_400_000 + 1000);
  const request = { path: REENROLL, ...simpleRequest(await csrFor(key.signer)) };
  expect((await server.send({ ...request, tls })).status).toBe(403);
});

test('a key that was revoked as compromised gets no certificate any more', async () => {
  const server = await startTestServer({ config: TOKEN });
  const { key, certificate } = await enrolled(server);
  const serial = toHex(certificate.serialNumber);
  await server.store.revokeCertificate(serial, 'keyCompromise', new Date());
  expect(await statusOf(server, await csrFor(key.signer), await server.token())).toBe(403);
});

/** Not synchronous: the server is in this process. */
async function run(command: string, args: readonly string[]): Promise<Buffer> {
  const { stdout } = await promisify(execFile)(command, [...args], { encoding: 'buffer' });
  return stdout;
}
