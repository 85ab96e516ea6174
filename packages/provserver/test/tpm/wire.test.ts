import {
  decodeMultipart,
  encodeMultipart,
  type Part,
  type TpmActivateEnrollRequest,
  type TpmCertifyEnrollRequest,
  tpmActivateEnrollRequest,
  tpmCertifyEnrollRequest,
} from '@cmc/est';
import { beforeAll, describe, expect, test } from 'vitest';
import { createKey, csrFor, startTestServer, type TestServer } from '../support/server.ts';

const BYTES = Uint8Array.of(1, 2, 3);

async function activation(): Promise<TpmActivateEnrollRequest> {
  return {
    tpm: { manufacturer: 'IBM', firmwareMajor: 1, firmwareMinor: 2 },
    ekCertificateUrl: '',
    csr: await csrFor((await createKey()).signer),
    akPublic: BYTES,
    akCreateData: BYTES,
    akAttestation: BYTES,
    akSignature: BYTES,
    ekPublic: BYTES,
    ekCertificate: BYTES,
  };
}

async function certification(): Promise<TpmCertifyEnrollRequest> {
  return {
    csr: await csrFor((await createKey()).signer),
    ikPublic: BYTES,
    ikCreateData: BYTES,
    ikAttestation: BYTES,
    ikSignature: BYTES,
    akPublic: BYTES,
    report: BYTES,
  };
}

describe.each([
  ['tpmactivateenroll', 9, async () => tpmActivateEnrollRequest.encode(await activation())],
  ['tpmcertifyenroll', 7, async () => tpmCertifyEnrollRequest.encode(await certification())],
] as const)('/%s', (endpoint, count, encoded) => {
  let parts: readonly Part[];
  beforeAll(async () => {
    parts = decodeMultipart(await encoded());
  });

  async function post(server: TestServer, changed: readonly Part[]): Promise<number> {
    const { contentType, body } = encodeMultipart(changed);
    const headers = { 'content-type': contentType };
    const path = `/.well-known/est/${endpoint}`;
    return (await server.send({ method: 'POST', path, headers, body })).status;
  }

  test(`has ${count} parts; one missing, one more, or one of another kind is malformed`, async () => {
    const server = await startTestServer();
    expect(parts).toHaveLength(count);
    expect(await post(server, parts)).toBe(403);
    for (const [index, part] of parts.entries()) {
      const without = parts.filter((_, at) => at !== index);
      const replaced = (other: Part): readonly Part[] => parts.with(index, other);
      expect(await post(server, without)).toBe(400);
      expect(await post(server, replaced({ ...part, contentType: 'text/html' }))).toBe(400);
      const huge = new Uint8Array(200_000).fill(0x41);
      const isReport = endpoint === 'tpmcertifyenroll' && index === count - 1;
      if (!isReport)
        expect([400, 413]).toContain(await post(server, replaced({ ...part, body: huge })));
    }
    const [first] = parts;
    expect(await post(server, [...parts, first as Part])).toBe(400);
    expect(await post(server, parts.toReversed())).toBe(400);
    expect(await server.store.listCertificates({ limit: 1, now: new Date() })).toEqual([]);
  });

  test('is closed to others than POST with a good body, and can be closed altogether', async () => {
    const server = await startTestServer({ config: { endpoints: { [endpoint]: [] } } });
    expect(await post(server, parts)).toBe(403);
    const path = `/.well-known/est/${endpoint}`;
    expect((await server.send({ path })).status).toBe(405);
    const open = await startTestServer();
    expect((await open.send({ method: 'POST', path, body: 'x' })).status).toBe(400);
  });
});

test('R50 a token or a client certificate that is demanded besides is checked first', async () => {
  const { contentType, body } = tpmActivateEnrollRequest.encode(await activation());
  const path = '/.well-known/est/tpmactivateenroll';
  const headers = { 'content-type': contentType };
  const withToken = await startTestServer({
    config: { endpoints: { tpmactivateenroll: ['tpm', 'token'] } },
  });
  expect((await withToken.send({ method: 'POST', path, headers, body })).status).toBe(401);
  const withCertificate = await startTestServer({
    config: { endpoints: { tpmactivateenroll: ['tpm', 'certificate'] } },
  });
  expect(await withCertificate.send({ method: 'POST', path, headers, body })).toMatchObject({
    status: 403,
    text: expect.stringContaining('client certificate'),
  });
});
