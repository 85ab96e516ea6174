import { createHash, X509Certificate } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { TlsKeyConfig } from '@cmc/api';
import { toHex } from '@cmc/bytes';
import { type CertificationRequest, encodeBase64Lines } from '@cmc/est';
import { createFakeCa, createFakeKeySync, fakeSigner, spkiOf } from '@cmc/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { createEstEnroller, type EstEnrollerOptions, type LocalCmc } from '../../src/index.ts';
import { attestingCmc } from '../support/attesting-cmc.ts';
import {
  type EstStandIn,
  type EstStandInOptions,
  sendCertificates,
  startEstStandIn,
} from '../support/est-stand-in.ts';
import { createWorld, type World } from '../support/world.ts';

const keyConfig: TlsKeyConfig = {
  type: 'sw',
  alg: 'EC256',
  cn: 'node-7.example',
  dnsNames: ['node-7.example', 'localhost'],
  ipAddresses: ['127.0.0.1', '::1'],
};

let world: World;
beforeEach(async () => {
  world = await createWorld();
});

interface Enrolling {
  readonly server: EstStandIn;
  readonly cmc: LocalCmc;
}

async function enrolling(
  options: Partial<EstStandInOptions> = {},
  change: Partial<EstEnrollerOptions> = {},
): Promise<Enrolling> {
  const server = await startEstStandIn({ roots: world.roots, ...options });
  const { url, roots } = server;
  const enroller = createEstEnroller({ url, roots, ...change });
  return { server, cmc: await attestingCmc(world, { keys: { enroller } }) };
}

describe('createEstEnroller', () => {
  test('R47 enrols with a report over the key and a nonce of the server', async () => {
    const { server, cmc } = await enrolling();
    const { keyId } = await cmc.tlsCreate({ keyConfig });
    const { certificate } = await cmc.tlsCert({ keyId });
    const [leaf, root] = certificate.map((pem) => new X509Certificate(pem));
    expect(certificate).toHaveLength(2);
    expect(leaf?.subject).toBe('CN=node-7.example');
    expect(leaf?.subjectAltName).toBe(
      'DNS:node-7.example, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    );
    expect(leaf?.verify(new X509Certificate(server.ca.certificate).publicKey)).toBe(true);
    expect(new Uint8Array(root?.raw ?? [])).toStrictEqual(server.ca.certificate);
    expect(server.requests).toStrictEqual(['GET cacerts', 'GET nonce', 'POST attestenroll']);
    expect(server.headers[0]?.['cmc-attestation-nonce']).toMatch(/^[0-9A-Za-z+/]{43}=$/);
    expect(server.issued).toHaveLength(1);
  });

  test('R47 enrols with a report over the key alone where the server has no nonces', async () => {
    const { server, cmc } = await enrolling({ nonces: false });
    const { keyId } = await cmc.tlsCreate({ keyConfig });
    expect((await cmc.tlsCert({ keyId })).certificate).toHaveLength(2);
    expect(server.headers[0]).not.toHaveProperty('cmc-attestation-nonce');
  });

  test('R47 takes no certificate without a nonce from a server whose nonces fail', async () => {
    const { server, cmc } = await enrolling();
    server.answer = (path, response) => {
      if (path !== 'nonce') return undefined;
      return Promise.resolve(response.writeHead(400).end('no'));
    };
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject({ code: 'ERR_EST_REFUSED' });
    expect(server.issued).toStrictEqual([]);
  });

  test('says what the server said when the attestation fails', async () => {
    const { server, cmc } = await enrolling();
    await cmc.measure({ event: world.unknownEvent });
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject({
      code: 'ERR_EST_UNAUTHORIZED',
      message: expect.stringContaining('the attestation failed'),
    });
    expect(server.issued).toStrictEqual([]);
    expect(cmc.tlsKeys()).toMatchObject({ keys: 0, pending: 0 });
  });

  test('reads the token anew for each key', async () => {
    const tokens = ['first.token', 'second.token'];
    let next = 0;
    const token = async (): Promise<string> => `${tokens[next++]}\n`;
    const { server, cmc } = await enrolling({ tokens }, { token });
    for (const _ of tokens) await cmc.tlsCreate({ keyConfig });
    expect(server.headers.map(({ authorization }) => authorization)).toStrictEqual([
      'Bearer first.token',
      'Bearer second.token',
    ]);
    next = 0;
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject({
      code: 'ERR_EST_UNAUTHORIZED',
    });
    expect(server.issued).toHaveLength(2);
  });

  test('trusts no server but one under its roots', async () => {
    const { server, cmc } = await enrolling({}, { roots: world.roots });
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject({ code: 'ERR_EST_UNTRUSTED' });
    expect(server.requests).toStrictEqual([]);
    expect(cmc.tlsKeys()).toMatchObject({ keys: 0, pending: 0 });
  });

  test('identifies itself with a client certificate', async () => {
    const issued = await createFakeCa().issue({
      commonName: 'device',
      extendedKeyUsage: ['clientAuth'],
    });
    const clientCertificate = { chain: issued.chain, privateKey: issued.privateKeyPem };
    const { server, cmc } = await enrolling({}, { clientCertificate });
    let client: unknown;
    server.answer = (path, response) => {
      const { socket } = response as unknown as {
        socket: { getPeerCertificate(): { subject?: { CN?: string } } };
      };
      if (path === 'attestenroll') client = socket.getPeerCertificate().subject?.CN;
      return undefined;
    };
    await cmc.tlsCreate({ keyConfig });
    expect(client).toBe('device');
  });
});

describe('a server that misbehaves', () => {
  type Misbehaviour = (
    server: EstStandIn,
    csr: CertificationRequest,
    response: ServerResponse,
  ) => Promise<unknown>;

  const otherKey = createFakeKeySync('EC256');
  const issuing =
    (change: Parameters<EstStandIn['sign']>[1]): Misbehaviour =>
    async (server, csr, response) =>
      sendCertificates(response, [await server.sign(csr, change)]);
  const raw =
    (body: Uint8Array | string): Misbehaviour =>
    async (_, __, response) =>
      response.setHeader('content-type', 'application/pkcs7-mime').end(body);
  const many =
    (length: number): Misbehaviour =>
    async (server, csr, response) => {
      const certificate = await server.sign(csr);
      sendCertificates(
        response,
        Array.from({ length }, () => certificate),
      );
    };
  const endless: Misbehaviour = async (_, __, response) => {
    response.setHeader('content-type', 'application/pkcs7-mime');
    const line = `${'A'.repeat(64 * 1024)}\r\n`;
    const more = (): void => {
      while (!response.destroyed && response.write(line));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  };

  test.each<[string, Misbehaviour, string]>([
    ['a certificate for another key', issuing({ publicKey: spkiOf(otherKey) }), 'ERR_EST_PROTOCOL'],
    ['another common name', issuing({ subject: { commonName: 'bank' } }), 'ERR_ENROLL_RESPONSE'],
    ['other names', issuing({ dnsNames: ['bank.example'] }), 'ERR_ENROLL_RESPONSE'],
    [
      'one name more',
      issuing({ dnsNames: [...keyConfig.dnsNames, 'bank.example'] }),
      'ERR_ENROLL_RESPONSE',
    ],
    ['fewer names', issuing({ dnsNames: [] }), 'ERR_ENROLL_RESPONSE'],
    ['another IP address', issuing({ ipAddresses: ['10.0.0.1'] }), 'ERR_ENROLL_RESPONSE'],
    [
      'an expired certificate',
      issuing({ lifetimeMs: -1000, backdateMs: 60_000 }),
      'ERR_ENROLL_RESPONSE',
    ],
    [
      'a certificate of another CA',
      async (server, csr, response) => {
        const other = createFakeCa();
        const { issueCertificate } = await import('@cmc/est');
        const { certificate } = await issueCertificate(
          {
            subject: csr.subjectName.raw,
            publicKey: csr.spki,
            dnsNames: keyConfig.dnsNames,
            ipAddresses: keyConfig.ipAddresses,
            lifetimeMs: 3_600_000,
          },
          { issuer: fakeSigner(other.key, [other.certificate]), now: new Date() },
        );
        // Its CA comes along, and is not one of /cacerts all the same.
        expect(server.ca.certificate).not.toStrictEqual(other.certificate);
        sendCertificates(response, [certificate, other.certificate]);
      },
      'ERR_ENROLL_RESPONSE',
    ],
    ['two certificates for the key', many(2), 'ERR_EST_PROTOCOL'],
    ['100 certificates', many(100), 'ERR_EST_PROTOCOL'],
    ['10,000 certificates', many(10_000), 'ERR_EST_LIMIT'],
    ['an endless body', endless, 'ERR_EST_LIMIT'],
    [
      'no certificate',
      async (_, __, response) => sendCertificates(response, []),
      'ERR_EST_PROTOCOL',
    ],
    ['bytes that are no message', raw(encodeBase64Lines(new Uint8Array(64))), 'ERR_EST_PROTOCOL'],
    ['text that is not base64', raw('<html>'), 'ERR_EST_PROTOCOL'],
    [
      'a redirection',
      async (_, __, r) => r.writeHead(302, { location: '/' }).end(),
      'ERR_EST_REFUSED',
    ],
  ])('is refused when it gives %s, and no key is left', async (_, misbehave, code) => {
    const { server, cmc } = await enrolling();
    server.answer = (path, response, csr) =>
      path === 'attestenroll' && csr !== undefined
        ? misbehave(server, csr, response).then(() => true)
        : undefined;
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject({ code });
    expect(cmc.tlsKeys()).toMatchObject({ keys: 0, pending: 0 });
  });

  test.each<[string, string, string]>([
    ['cacerts', 'an endless body', 'ERR_EST_LIMIT'],
    ['nonce', 'an endless body', 'ERR_EST_LIMIT'],
  ])('is refused when it gives for /%s %s', async (endpoint, _, code) => {
    const { server, cmc } = await enrolling();
    server.answer = (path, response, csr) =>
      path === endpoint
        ? endless(server, csr as CertificationRequest, response).then(() => true)
        : undefined;
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject({ code });
  });

  test('is given up when it does not answer in time, and the key waits for another attempt', async () => {
    const { server, cmc } = await enrolling({}, { timeoutMs: 300 });
    let isSilent = true;
    server.answer = (path) =>
      path === 'attestenroll' && isSilent ? Promise.resolve(true) : undefined;
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject({ code: 'ERR_EST_TIMEOUT' });
    expect(cmc.tlsKeys()).toMatchObject({ keys: 0, pending: 1 });
    isSilent = false;
    const { keyId } = await cmc.tlsCreate({ keyConfig });
    expect(await cmc.tlsCert({ keyId })).toBeDefined();
    expect(cmc.tlsKeys()).toMatchObject({ keys: 1, pending: 0 });
    const hashes = server.issued.map(({ spki }) => createHash('sha256').update(spki).digest('hex'));
    expect(hashes).toHaveLength(1);
  });

  test('that loses its answer gives the key that it certified to who asks again', async () => {
    const { server, cmc } = await enrolling();
    let answers = 0;
    server.answer = (path, response) => {
      if (path !== 'attestenroll' || answers++ > 0) return undefined;
      // It is recorded, and the answer is lost.
      const { end } = response;
      response.end = (): ServerResponse => {
        response.end = end;
        return response.destroy();
      };
      return undefined;
    };
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject({
      code: 'ERR_EST_UNAVAILABLE',
    });
    expect(server.issued).toHaveLength(1);
    const { keyId } = await cmc.tlsCreate({ keyConfig });
    expect(server.issued).toHaveLength(1);
    const [pem = ''] = (await cmc.tlsCert({ keyId })).certificate.map((each) =>
      new TextDecoder().decode(each),
    );
    const spki = new X509Certificate(pem).publicKey.export({ format: 'der', type: 'spki' });
    expect(server.issued[0]?.spki).toBe(toHex(new Uint8Array(spki)));
  });
});
