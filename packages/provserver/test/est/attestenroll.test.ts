import { toBase64 } from '@cmc/bytes';
import { attestEnrollRequest, NONCE_HEADER } from '@cmc/est';
import { createFakeCa } from '@cmc/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/server/start-server.ts';
import {
  type Answer,
  auditActions,
  createKey,
  csrFor,
  type ReportOptions,
  startTestServer,
  type TestServer,
} from '../support/server.ts';

const OPEN = { allowedNames: ['device.example'] };
const PATH = '/.well-known/est/attestenroll';

async function nonceOf(server: TestServer): Promise<Uint8Array> {
  const answer = await server.client().nonce();
  if (answer === undefined) throw new Error('no nonce');
  return answer.nonce;
}

/** Sends a report; the nonce that is named need not be that of the report. */
async function attest(
  server: TestServer,
  csr: Uint8Array,
  report: Uint8Array,
  serverNonce?: Uint8Array,
): Promise<Answer> {
  const { contentType, body } = attestEnrollRequest.encode({ csr, report });
  return await server.send({
    method: 'POST',
    path: PATH,
    headers: {
      'content-type': contentType,
      ...(serverNonce === undefined ? {} : { [NONCE_HEADER]: toBase64(serverNonce) }),
    },
    body,
  });
}

async function request(
  server: TestServer,
  options: ReportOptions = {},
): Promise<{ csr: Uint8Array; report: Uint8Array; spki: Uint8Array }> {
  const { signer } = await createKey();
  const csr = await csrFor(signer);
  const spki = signer.publicKey;
  return { csr, spki, report: await server.report(spki, options) };
}

test('an attested device gets a certificate for its key and the name that is allowed', async () => {
  const server = await startTestServer({ config: OPEN });
  const client = server.client();
  const serverNonce = await nonceOf(server);
  const { csr, report, spki } = await request(server, { serverNonce });
  const certificate = await client.attestEnroll({ csr, report }, { serverNonce });
  expect(certificate.spki).toEqual(spki);
  expect(certificate.subjectAlternativeName?.dnsNames).toEqual(['device.example']);
  const [record] = await server.store.listCertificates({ limit: 10, now: new Date() });
  expect(record).toMatchObject({
    certificate: certificate.raw,
    method: 'attestation',
    device: 'device.example',
  });
});

test('R47 a replayed request is refused, and a new attestation gets the same certificate', async () => {
  const server = await startTestServer({ config: OPEN });
  const { signer } = await createKey();
  const csr = await csrFor(signer);
  const once = async (): Promise<{ nonce: Uint8Array; report: Uint8Array }> => {
    const nonce = await nonceOf(server);
    return { nonce, report: await server.report(signer.publicKey, { serverNonce: nonce }) };
  };
  const first = await once();
  const answer = await attest(server, csr, first.report, first.nonce);
  expect(answer.status).toBe(200);
  expect((await attest(server, csr, first.report, first.nonce)).status).toBe(403);
  const second = await once();
  expect(await attest(server, csr, second.report, second.nonce)).toMatchObject({
    status: 200,
    text: answer.text,
  });
  expect((await attest(server, csr, second.report, second.nonce)).status).toBe(403);
  expect(await server.store.listCertificates({ limit: 10, now: new Date() })).toHaveLength(1);
});

test('R47 a report for one key enrols no other key', async () => {
  const server = await startTestServer({ config: OPEN });
  const serverNonce = await nonceOf(server);
  const { report } = await request(server, { serverNonce });
  const other = await request(server);
  expect((await attest(server, other.csr, report, serverNonce)).status).toBe(403);
});

test('R47 a nonce that is not ours, of another length or expired is refused', async () => {
  let now = new Date();
  const server = await startTestServer({ config: OPEN, now: () => now });
  const foreign = new Uint8Array(32).fill(7);
  const made = await request(server, { serverNonce: foreign });
  expect((await attest(server, made.csr, made.report, foreign)).status).toBe(403);
  expect((await attest(server, made.csr, made.report, foreign.subarray(1))).status).toBe(400);
  const late = await nonceOf(server);
  const again = await request(server, { serverNonce: late });
  now = new Date(now.getTime() + 5 * 60_000 + 1);
  expect((await attest(server, again.csr, again.report, late)).status).toBe(403);
});

test('R47 a report without a nonce of the server counts only where that is allowed, audited', async () => {
  const closed = await startTestServer({ config: OPEN });
  const { csr, report } = await request(closed);
  const refused = await attest(closed, csr, report);
  expect(refused.status).toBe(403);
  expect(refused.text).toContain('nonce');
  const open = await startTestServer({ config: { ...OPEN, spkiNonce: 'allow' } });
  const made = await request(open);
  expect((await attest(open, made.csr, made.report)).status).toBe(200);
  expect(await auditActions(open.store)).toEqual(['spki-nonce', 'certificate-issued']);
});

test('R47 a device gets no name that is not allowed', async () => {
  const server = await startTestServer({ config: { allowedNames: ['*.nodes.example'] } });
  const enroll = async (name: string): Promise<number> => {
    const serverNonce = await nonceOf(server);
    const { signer } = await createKey();
    const report = await server.report(signer.publicKey, { serverNonce });
    return (await attest(server, await csrFor(signer, name), report, serverNonce)).status;
  };
  expect(await enroll('a.nodes.example')).toBe(200);
  for (const name of ['device.example', 'nodes.example', 'a.b.nodes.example', '*.nodes.example']) {
    expect(await enroll(name)).toBe(403);
  }
});

test('R47 the name in the report is allowed only where {prover} is, and is no pattern', async () => {
  const server = await startTestServer({ config: { allowedNames: ['{prover}'] } });
  const enroll = async (prover: string): Promise<number> => {
    const serverNonce = await nonceOf(server);
    const { signer } = await createKey();
    const report = await server.report(signer.publicKey, { serverNonce, name: prover });
    return (await attest(server, await csrFor(signer), report, serverNonce)).status;
  };
  expect(await enroll('device.example')).toBe(200);
  for (const prover of ['other.example', '*', '*.example', '{prover}']) {
    expect(await enroll(prover)).toBe(403);
  }
});

test('metadata that nobody trusted signed is refused, with the reasons', async () => {
  const server = await startTestServer({ config: OPEN });
  const stranger = await createFakeCa().issue({ extendedKeyUsage: ['codeSigning'] });
  const serverNonce = await nonceOf(server);
  const { csr, report } = await request(server, { serverNonce, signer: stranger.signer });
  const answer = await attest(server, csr, report, serverNonce);
  expect(answer.status).toBe(403);
  expect(answer.text).toContain('is refused');
  expect(await auditActions(server.store)).toEqual(['enrollment-refused']);
});

test('R35 older metadata is refused, also after a restart', async () => {
  const server = await startTestServer({ config: OPEN });
  const enroll = async (on: TestServer, version: string): Promise<number> => {
    const serverNonce = await nonceOf(on);
    const signer = server.metadataSigner;
    const { csr, report } = await request(on, { serverNonce, version, signer });
    return (await attest(on, csr, report, serverNonce)).status;
  };
  expect(await enroll(server, '2026-02-01T00:00:00Z')).toBe(200);
  expect(await enroll(server, '2026-01-31T23:59:59.999Z')).toBe(403);
  await server.server.close();
  const { database, rootCas } = server.config;
  const restarted = await startTestServer({ config: { ...OPEN, database, rootCas } });
  expect(await enroll(restarted, '2026-01-31T23:59:59.999Z')).toBe(403);
  expect(await enroll(restarted, '2026-02-01T00:00:00Z')).toBe(200);
});

test('with a token and an attestation demanded, neither is enough', async () => {
  const endpoints = { attestenroll: ['attestation', 'token'] } as const;
  const server = await startTestServer({ config: { ...OPEN, endpoints } });
  const serverNonce = await nonceOf(server);
  const { csr, report } = await request(server, { serverNonce });
  expect((await attest(server, csr, report, serverNonce)).status).toBe(401);
  const token = await server.token(['device.example']);
  const bad = server
    .client({ token })
    .attestEnroll({ csr, report: report.subarray(1) }, { serverNonce });
  await expect(bad).rejects.toMatchObject({ status: 403 });
  const good = await server.client({ token }).attestEnroll({ csr, report }, { serverNonce });
  expect(good.subject).toBe('CN=device.example');
});

test('R47 a certificate that was given for an attestation is not renewed without another one', async () => {
  const endpoints = { simpleenroll: ['certificate'] } as const;
  const server = await startTestServer({ config: { ...OPEN, endpoints } });
  const serverNonce = await nonceOf(server);
  const key = await createKey();
  const csr = await csrFor(key.signer);
  const report = await server.report(key.signer.publicKey, { serverNonce });
  const certificate = await server.client().attestEnroll({ csr, report }, { serverNonce });
  const clientCertificate = { chain: [certificate.raw], privateKey: key.pem };
  const client = server.client({ clientCertificate });
  await expect(client.simpleReenroll(csr)).rejects.toMatchObject({ status: 403 });
  await expect(client.simpleEnroll(csr)).rejects.toMatchObject({ status: 403 });
});

test('R47 two servers on one database take a nonce of the other, and only one of them takes it', async () => {
  const server = await startTestServer({ config: OPEN });
  const second = await startServer(server.config);
  onTestFinished(async () => await second.close({ graceMs: 0 }));
  const serverNonce = await nonceOf(server);
  const keys = [await createKey(), await createKey()];
  const requests = await Promise.all(
    keys.map(async ({ signer }) => ({
      csr: await csrFor(signer),
      report: await server.report(signer.publicKey, { serverNonce }),
    })),
  );
  const urls = [server.url, `https://${second.address}`];
  const outcomes = await Promise.allSettled(
    requests.map(async (each, i) =>
      server.client({ url: urls[i] ?? '' }).attestEnroll(each, { serverNonce }),
    ),
  );
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(await server.store.listCertificates({ limit: 9, now: new Date() })).toHaveLength(1);
});

test('R36 a manifest that cannot be revoked is refused where that is demanded', async () => {
  const server = await startTestServer({ config: { ...OPEN, requireOmsp: true } });
  const serverNonce = await nonceOf(server);
  const { csr, report } = await request(server, { serverNonce });
  const answer = await attest(server, csr, report, serverNonce);
  expect(answer).toMatchObject({ status: 403, text: expect.stringMatching(/revo/i) });
});

test('a report without a signature over it is refused where one is demanded', async () => {
  const server = await startTestServer({ config: { ...OPEN, requireReportSignature: true } });
  const serverNonce = await nonceOf(server);
  const { csr, report } = await request(server, { serverNonce });
  const answer = await attest(server, csr, report, serverNonce);
  expect(answer).toMatchObject({ status: 403, text: expect.stringMatching(/not signed/i) });
});
