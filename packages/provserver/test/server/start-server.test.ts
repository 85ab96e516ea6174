import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { silentLogger, toHex } from '@cmc/bytes';
import { attestEnrollRequest, createEstClient } from '@cmc/est';
import { expect, onTestFinished, test } from 'vitest';
import { init } from '../../src/cli/init.ts';
import { runServer } from '../../src/server/run-server.ts';
import { startServer } from '../../src/server/start-server.ts';
import {
  createKey,
  csrFor,
  type SendOptions,
  simpleRequest,
  startTestServer,
} from '../support/server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const EST = '/.well-known/est';

test('a server as init makes it gives CA certificates, attributes and nonces, and nothing else', async () => {
  const server = await startTestServer();
  const client = server.client();
  const chain = readFileSync(server.config.estCaChain[0] ?? '', 'utf8');
  expect((await client.caCerts()).map(({ raw }) => raw)).toEqual(
    parsePemCertificates(chain).map(({ raw }) => raw),
  );
  expect(await client.csrAttrs()).toEqual([{ oid: '1.2.840.113549.1.9.14' }]);
  const [first, second] = [await client.nonce(), await client.nonce()];
  expect(first?.nonce).not.toEqual(second?.nonce);
  expect(Number(first?.expiresAt) - Date.now()).toBeLessThanOrEqual(5 * 60_000);
  expect(await server.send({ path: '/healthz' })).toMatchObject({ status: 200, text: 'ok\n' });
  expect((await server.send({ path: '/' })).status).toBe(404);
  expect((await server.send({ path: `${EST}/cacerts`, method: 'POST' })).status).toBe(405);
  expect((await server.send({ path: `${EST}/serverkeygen` })).status).toBe(404);
});

test('no route that issues certificates does it without credentials, whatever it is opened with', async () => {
  const allOfIt = {
    simpleenroll: ['token', 'certificate'],
    simplereenroll: ['certificate', 'token'],
    attestenroll: ['attestation', 'token', 'certificate'],
  } as const;
  const forms = [
    { simpleenroll: ['token'] },
    { simpleenroll: ['certificate'] },
    { simpleenroll: [], simplereenroll: [], attestenroll: [] },
    {},
    allOfIt,
  ] as const;
  const csr = await csrFor((await createKey()).signer);
  const attested = attestEnrollRequest.encode({ csr, report: new Uint8Array(10) });
  const requests: readonly SendOptions[] = [
    { path: `${EST}/simpleenroll`, ...simpleRequest(csr) },
    { path: `${EST}/simplereenroll`, ...simpleRequest(csr) },
    {
      path: `${EST}/attestenroll`,
      method: 'POST',
      headers: { 'content-type': attested.contentType },
      body: attested.body,
    },
  ];
  for (const endpoints of forms) {
    const server = await startTestServer({ config: { endpoints, spkiNonce: 'allow' } });
    for (const request of requests) {
      expect([401, 403]).toContain((await server.send(request)).status);
    }
    expect(await server.store.listCertificates({ limit: 1, now: new Date() })).toEqual([]);
  }
});

test('a body is not read of a client without the token or certificate that is needed', async () => {
  const endpoints = { attestenroll: ['attestation', 'token'] } as const;
  const server = await startTestServer({ config: { endpoints }, limits: { maxBodyBytes: 0 } });
  const request = { path: `${EST}/attestenroll`, method: 'POST', body: new Uint8Array(1_000_000) };
  expect((await server.send(request)).status).toBe(401);
  const headers = { authorization: `Bearer ${await server.token()}` };
  expect((await server.send({ ...request, headers })).status).toBe(503);
});

test('R54 an attested enrolment with parts missing, empty or cut is answered with 400', async () => {
  const server = await startTestServer({ config: { spkiNonce: 'allow' } });
  const csr = await csrFor((await createKey()).signer);
  const { contentType, body } = attestEnrollRequest.encode({ csr, report: Uint8Array.of(1) });
  const send = async (bytes: Uint8Array, type = contentType): Promise<number> => {
    const headers = { 'content-type': type };
    const request = { path: `${EST}/attestenroll`, method: 'POST', headers, body: bytes };
    return (await server.send(request)).status;
  };
  for (let length = 0; length < body.length; length += 97) {
    expect(await send(body.subarray(0, length))).toBe(400);
  }
  expect(await send(body, 'multipart/mixed')).toBe(400);
  expect(await send(body, 'application/json')).toBe(400);
  const empty = attestEnrollRequest.encode({ csr: new Uint8Array(), report: new Uint8Array() });
  expect(await send(empty.body, empty.contentType)).toBe(400);
  // A report that is none is a refused report.
  expect(await send(body)).toBe(403);
});

test('the list of revoked certificates is one for all, and made anew when it is old', async () => {
  let now = new Date();
  const config = {
    endpoints: { simpleenroll: ['token'] },
    crlUrl: 'http://crl.example/crl',
  } as const;
  const server = await startTestServer({ config, now: () => now });
  const token = await server.token();
  const csr = await csrFor((await createKey()).signer);
  const certificate = await server.client({ token }).simpleEnroll(csr);
  const points = certificate.extensions.find(({ oid }) => oid === '2.5.29.31');
  expect(Buffer.from(points?.value ?? []).toString('latin1')).toContain(config.crlUrl);
  const file = join(temporaryFolder(), 'crl');
  const crl = async (): Promise<string> => {
    const response = await fetchBytes(server.url, server.rootPem, '/crl');
    writeFileSync(file, response);
    return execFileSync('openssl', ['crl', '-inform', 'DER', '-noout', '-text', '-in', file], {
      encoding: 'utf8',
    });
  };
  const serial = toHex(certificate.serialNumber).toUpperCase();
  const [first] = await Promise.all([crl(), crl(), crl()]);
  expect(first).toMatch(/CRL Number: \s+1\n/);
  await server.store.revokeCertificate(toHex(certificate.serialNumber), 'keyCompromise', now);
  expect(await crl()).toBe(first);
  now = new Date(now.getTime() + 5 * 60_000);
  const second = await crl();
  expect(second).toMatch(/CRL Number: \s+2\n/);
  expect(second).toContain(serial);
});

test('serves metadata where the settings say, and refuses half of the revocation service', async () => {
  const folder = join(temporaryFolder(), 'signed-metadata');
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.json'), '{}');
  const server = await startTestServer({ config: { httpFolder: folder } });
  expect(await server.send({ path: '/signed-metadata/a.json' })).toMatchObject({ text: '{}' });
  expect((await server.send({ path: '/signed-metadata/../provserver.json' })).status).toBe(404);
  const half = { ...server.config, omspUrl: 'https://localhost/omsp' };
  await expect(startServer(half)).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' });
});

test('answers for revocation where the settings say', async () => {
  const server = await startTestServer();
  const { tlsKey, tlsCaChain } = server.config;
  const folder = temporaryFolder();
  const omsp = await startServer({
    ...server.config,
    omspUrl: 'https://localhost/omsp',
    omspFolder: folder,
    omspKey: tlsKey,
    omspCaChain: tlsCaChain,
  });
  onTestFinished(async () => await omsp.close({ graceMs: 0 }));
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ arVersion: '3.3.0', requests: ['00'.repeat(32)] });
  const url = `https://${omsp.address}`;
  const answer = await server.send({ method: 'POST', path: `${url}/omsp`, headers, body });
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text)).toHaveProperty('payload');
});

test('publishes results before the device gets its answer', async () => {
  const received: unknown[] = [];
  const sink = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    received.push(JSON.parse(text));
    response.end();
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void sink.close());
  const { port } = sink.address() as AddressInfo;
  const publishResults = `http://127.0.0.1:${port}/`;
  const config = { publishResults, spkiNonce: 'allow', allowedNames: ['device.example'] } as const;
  const server = await startTestServer({ config });
  const { signer } = await createKey();
  const csr = await csrFor(signer);
  const report = await server.report(signer.publicKey);
  await server.client().attestEnroll({ csr, report });
  const other = await csrFor((await createKey()).signer);
  const bad = server.client().attestEnroll({ csr: other, report });
  await expect(bad).rejects.toMatchObject({ status: 403 });
  expect(received).toMatchObject([
    { summary: { status: 'success' }, prover: { hostname: 'device.example' } },
    { summary: { status: 'fail' } },
  ]);
  // A nonce that is not ours is refused before anything is verified.
  const serverNonce = new Uint8Array(32);
  const foreign = server.client().attestEnroll({ csr, report }, { serverNonce });
  await expect(foreign).rejects.toMatchObject({ status: 403 });
  expect(received).toHaveLength(2);
});

test('does not start with a key that is not that of its certificate, and leaves nothing open', async () => {
  const { config } = await startTestServer();
  const swapped = { ...config, tlsKey: config.estCaKey };
  await expect(startServer(swapped)).rejects.toMatchObject({ code: 'ERR_PROV_CONFIG' });
  const noIssuer = { ...config, estCaChain: config.tlsCaChain };
  await expect(startServer(noIssuer)).rejects.toMatchObject({ code: 'ERR_EST_CA' });
  const closedPort = { ...config, estAddr: 'nonsense' };
  await expect(startServer(closedPort)).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' });
});

test('runs until it is told to stop, and answers what is under way', async () => {
  const folder = join(temporaryFolder(), 'prov');
  const options = { dir: folder, names: ['127.0.0.1'], allowedNames: [], now: new Date() };
  const path = await init(options);
  const config = { ...JSON.parse(readFileSync(path, 'utf8')), estAddr: '127.0.0.1:0' };
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const address = await new Promise<string>((resolve) => {
    const info = (fields: { address?: string }): void => {
      if (fields.address !== undefined) resolve(fields.address);
    };
    running = runServer(config, { signal: stop.signal, logger: { ...silentLogger, info } });
  });
  const url = `https://${address}`;
  const roots = parsePemCertificates(readFileSync(join(folder, 'root.pem'), 'utf8'));
  const answer = createEstClient({ url, roots }).caCerts();
  expect(await answer).toHaveLength(2);
  stop.abort();
  await running;
  await expect(createEstClient({ url, roots }).caCerts()).rejects.toMatchObject({
    code: 'ERR_EST_UNAVAILABLE',
  });
});

async function fetchBytes(url: string, ca: string, path: string): Promise<Buffer> {
  const { get } = await import('node:https');
  return await new Promise((resolve, reject) => {
    get(new URL(path, url), { ca, agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve(Buffer.concat(chunks));
    }).on('error', reject);
  });
}
