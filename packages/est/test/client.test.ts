import type { ServerResponse } from 'node:http';
import { decodeUtf8, encodeUtf8, toHex } from '@cmc/bytes';
import { createFakeCa, createFakeKeySync, fakeSigner } from '@cmc/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  attestEnrollRequest,
  createCsr,
  createEstClient,
  decodeBase64Lines,
  type EstClient,
  type EstClientOptions,
  encodeBase64Lines,
  encodeCertsOnly,
  encodeCsrAttributes,
  encryptData,
  MAX_RESPONSE_BYTES,
  tpmActivateEnrollRequest,
  tpmActivateEnrollResponse,
  tpmCertifyEnrollRequest,
} from '../src/index.ts';
import { type Answer, type FakeServer, startFakeServer } from './fake-server.ts';

const key = createFakeKeySync('EC256');
const signer = fakeSigner(key, []);
const csr = await createCsr({ signer, subject: { commonName: 'device' } });
const text = encodeUtf8;

let server: FakeServer;
beforeEach(async () => {
  server = await startFakeServer(() => {});
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const connect = (options: Partial<EstClientOptions> = {}): EstClient =>
  createEstClient({ url: server.url, roots: server.roots, timeoutMs: 5_000, ...options });

function send(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: Uint8Array | string = '',
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': contentType, ...headers });
  response.end(body);
}
const sendCertificates = (response: ServerResponse, certificates: readonly Uint8Array[]): void =>
  send(
    response,
    200,
    'application/pkcs7-mime; smime-type=certs-only',
    encodeBase64Lines(encodeCertsOnly(certificates)),
    { 'content-transfer-encoding': 'base64' },
  );

/** Issues a certificate for the key that all requests of this file have. */
async function issue(commonName = 'device'): Promise<Uint8Array> {
  return (await server.ca.issue({ commonName, key })).certificate;
}

describe('createEstClient', () => {
  test('gets the certificates of the CA in the order of the server', async () => {
    const other = await createFakeCa({ commonName: 'Another CA' });
    server.answer = (_, response) =>
      sendCertificates(response, [other.certificate, server.ca.certificate]);
    const certificates = await connect({ token: 'abc' }).caCerts();
    expect(certificates.map((c) => toHex(c.raw))).toEqual(
      [other.certificate, server.ca.certificate].map(toHex),
    );
    expect(server.requests).toMatchObject([
      {
        method: 'GET',
        url: '/.well-known/est/cacerts',
        headers: { accept: 'application/pkcs7-mime', authorization: 'Bearer abc' },
      },
    ]);
  });

  test.each(['simpleEnroll', 'simpleReenroll'] as const)('%s sends the request', async (method) => {
    const issued = await issue();
    server.answer = (_, response) => sendCertificates(response, [issued]);
    const certificate = await connect()[method](csr);
    expect(toHex(certificate.raw)).toBe(toHex(issued));
    const [request] = server.requests;
    expect(request).toMatchObject({
      method: 'POST',
      url: `/.well-known/est/${method.toLowerCase()}`,
      headers: {
        accept: 'application/pkcs7-mime',
        'content-type': 'application/pkcs10',
        'content-transfer-encoding': 'base64',
      },
    });
    expect(request?.headers.authorization).toBeUndefined();
    expect(toHex(decodeBase64Lines(request?.body ?? new Uint8Array()))).toBe(toHex(csr));
  });

  test('attestEnroll sends request and report', async () => {
    const issued = await issue();
    server.answer = (_, response) => sendCertificates(response, [issued]);
    const message = { csr, report: new Uint8Array(300_000).fill(3) };
    await connect().attestEnroll(message);
    const [request] = server.requests;
    const contentType = request?.headers['content-type'] ?? '';
    expect(request?.url).toBe('/.well-known/est/attestenroll');
    const body = request?.body ?? new Uint8Array();
    expect(attestEnrollRequest.decode({ contentType, body })).toEqual(message);
  });

  test('tpmCertifyEnroll sends what certifies the key', async () => {
    const issued = await issue();
    server.answer = (_, response) => sendCertificates(response, [issued]);
    const message = {
      csr,
      ikPublic: text('a'),
      ikCreateData: new Uint8Array(),
      ikAttestation: text('b'),
      ikSignature: text('c'),
      akPublic: text('d'),
      report: text('e'),
    };
    const certificate = await connect().tpmCertifyEnroll(message);
    expect(certificate.subject).toBe('CN=device');
    const [request] = server.requests;
    const contentType = request?.headers['content-type'] ?? '';
    expect(request?.url).toBe('/.well-known/est/tpmcertifyenroll');
    const body = request?.body ?? new Uint8Array();
    expect(tpmCertifyEnrollRequest.decode({ contentType, body })).toEqual(message);
  });

  test('tpmActivateEnroll gives what only the TPM can open', async () => {
    const answer = {
      credentialBlob: text('blob'),
      encryptedSecret: text('secret'),
      encryptedCertificate: encryptData(text('certificate'), { key: new Uint8Array(32) }),
    };
    server.answer = (_, response) => {
      const { contentType, body } = tpmActivateEnrollResponse.encode(answer);
      send(response, 200, contentType, body);
    };
    const message = {
      tpm: { manufacturer: 'IBM', firmwareMajor: 8215, firmwareMinor: 9 },
      ekCertificateUrl: 'https://vendor.example/ek',
      csr,
      akPublic: text('a'),
      akCreateData: text('b'),
      akAttestation: text('c'),
      akSignature: text('d'),
      ekPublic: text('e'),
      ekCertificate: new Uint8Array(),
    };
    expect(await connect().tpmActivateEnroll(message)).toEqual(answer);
    const [request] = server.requests;
    const contentType = request?.headers['content-type'] ?? '';
    expect(request?.url).toBe('/.well-known/est/tpmactivateenroll');
    const body = request?.body ?? new Uint8Array();
    expect(tpmActivateEnrollRequest.decode({ contentType, body })).toEqual(message);
  });

  test('csrAttrs gives what the server wants, nothing when it does not say', async () => {
    const attributes = [{ oid: '1.2.840.113549.1.9.7' }];
    server.answer = (_, response) =>
      send(
        response,
        200,
        'application/csrattrs',
        encodeBase64Lines(encodeCsrAttributes(attributes)),
      );
    expect(await connect().csrAttrs()).toEqual(attributes);
    expect(server.requests[0]).toMatchObject({
      url: '/.well-known/est/csrattrs',
      headers: { accept: 'application/csrattrs' },
    });
    for (const status of [204, 404]) {
      server.answer = (_, response) => send(response, status, 'text/plain');
      expect(await connect().csrAttrs()).toEqual([]);
    }
  });

  test('takes a path in front of the standard one, with or without a slash at its end', async () => {
    server.answer = (_, response) => sendCertificates(response, [server.ca.certificate]);
    for (const suffix of ['/', '/ca', '/ca//'])
      await connect({ url: server.url + suffix }).caCerts();
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/.well-known/est/cacerts',
      '/ca/.well-known/est/cacerts',
      '/ca/.well-known/est/cacerts',
    ]);
  });

  test('identifies itself with a certificate', async () => {
    server.answer = (_, response) => sendCertificates(response, [server.ca.certificate]);
    const { chain, privateKeyPem } = await server.ca.issue({ commonName: 'device 7' });
    await connect({ clientCertificate: { chain, privateKey: privateKeyPem } }).caCerts();
    await connect().caCerts();
    expect(server.requests.map(({ client }) => client)).toEqual(['device 7', undefined]);
  });

  test('drops white space around a token', async () => {
    server.answer = (_, response) => sendCertificates(response, [server.ca.certificate]);
    await connect({ token: ' a.b-c_~+/=\n' }).caCerts();
    expect(server.requests[0]?.headers.authorization).toBe('Bearer a.b-c_~+/=');
  });

  describe('refuses', () => {
    test.each([
      'http://localhost:1',
      'localhost:9000',
      '',
      'https://user:secret@localhost',
      'https://localhost/?a=b',
      'https://localhost/#a',
    ])('the URL %j', (url) => {
      expect(() => connect({ url })).toThrow(TypeError);
    });

    test('to trust nobody in particular', () => {
      expect(() => connect({ roots: [] })).toThrow(TypeError);
    });

    test('a token that cannot be sent, without repeating it', () => {
      for (const token of ['', 'secret token', 'secret\r\nHost: x', 'sécret']) {
        let error: unknown;
        try {
          connect({ token });
        } catch (cause) {
          error = cause;
        }
        expect(error).toBeInstanceOf(TypeError);
        expect(String(error)).not.toMatch(/secret|sécret/);
      }
    });

    test('a time that is none, and a client certificate that is none', () => {
      for (const timeoutMs of [0, -1, Number.NaN, 2 ** 40]) {
        expect(() => connect({ timeoutMs })).toThrow(RangeError);
      }
      const clientCertificate = { chain: [], privateKey: '' };
      expect(() => connect({ clientCertificate })).toThrow(TypeError);
    });

    test('a request that is none, before it is sent', async () => {
      await expect(connect().simpleEnroll(text('nothing'))).rejects.toMatchObject({
        name: 'DecodeError',
      });
      expect(server.requests).toHaveLength(0);
    });
  });

  describe('fails with ERR_EST_UNTRUSTED', () => {
    test('when the server is under another root', async () => {
      await using other = await startFakeServer(() => {});
      await expect(connect({ roots: other.roots }).caCerts()).rejects.toMatchObject({
        name: 'EstError',
        code: 'ERR_EST_UNTRUSTED',
      });
      expect(server.requests).toHaveLength(0);
    });

    test('when the server has another name', async () => {
      await using other = await startFakeServer(() => {}, { dnsNames: ['example.org'] });
      const client = createEstClient({ url: other.url, roots: other.roots });
      await expect(client.caCerts()).rejects.toMatchObject({ code: 'ERR_EST_UNTRUSTED' });
      expect(other.requests).toHaveLength(0);
    });

    test('when the certificate of the server is over', async () => {
      const expired = await server.ca.issue({
        commonName: 'est',
        dnsNames: ['localhost'],
        notBefore: new Date('2020-01-01'),
        notAfter: new Date('2021-01-01'),
      });
      await using other = await startFakeServer(() => {}, {
        key: expired.privateKeyPem,
        cert: expired.chainPem,
      });
      const client = createEstClient({ url: other.url, roots: server.roots });
      await expect(client.caCerts()).rejects.toMatchObject({ code: 'ERR_EST_UNTRUSTED' });
    });
  });

  test('fails with ERR_EST_UNAVAILABLE when nobody is there, or the connection breaks', async () => {
    await expect(connect({ url: 'https://localhost:1' }).caCerts()).rejects.toMatchObject({
      code: 'ERR_EST_UNAVAILABLE',
    });
    const breaking: Answer[] = [
      (_, response) => void response.destroy(),
      (_, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half');
        setTimeout(() => response.destroy(), 50);
      },
    ];
    for (const answer of breaking) {
      server.answer = answer;
      await expect(connect().caCerts()).rejects.toMatchObject({ code: 'ERR_EST_UNAVAILABLE' });
    }
  });

  test('speaks no TLS below 1.2', async () => {
    await using old = await startFakeServer(() => {}, {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const client = createEstClient({ url: old.url, roots: old.roots });
    await expect(client.caCerts()).rejects.toMatchObject({ code: 'ERR_EST_UNAVAILABLE' });
    expect(old.requests).toHaveLength(0);
  });

  describe('fails with the status and the text of the server', () => {
    test.each([
      [400, 'ERR_EST_REFUSED'],
      [401, 'ERR_EST_UNAUTHORIZED'],
      [403, 'ERR_EST_UNAUTHORIZED'],
      [404, 'ERR_EST_REFUSED'],
      [500, 'ERR_EST_REFUSED'],
      [201, 'ERR_EST_REFUSED'],
    ])('%i', async (status, code) => {
      server.answer = (_, response) =>
        send(response, status, 'text/plain', 'no: \u001b[31m<red>\n');
      await expect(connect().simpleEnroll(csr)).rejects.toMatchObject({
        code,
        status,
        message: `${server.url}/.well-known/est/simpleenroll: ${status} no:  [31m<red>`,
      });
    });

    test('302, which is not followed', async () => {
      server.answer = (_, response) =>
        send(response, 302, 'text/plain', '', { location: server.url });
      await expect(connect().caCerts()).rejects.toMatchObject({
        code: 'ERR_EST_REFUSED',
        status: 302,
      });
      expect(server.requests).toHaveLength(1);
    });

    test.each([
      ['120', 120_000],
      ['0', 0],
      ['99999999999', 0x7fff_ffff],
      ['soon', undefined],
      [undefined, undefined],
    ])('202, to be asked again after %s', async (retryAfter, retryAfterMs) => {
      const headers: Record<string, string> =
        retryAfter === undefined ? {} : { 'retry-after': retryAfter };
      server.answer = (_, response) => send(response, 202, 'text/plain', '', headers);
      const error = await connect()
        .simpleEnroll(csr)
        .catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: 'ERR_EST_PENDING', status: 202 });
      expect((error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs);
    });

    test('202, to be asked again at a date', async () => {
      const headers = { 'retry-after': new Date(Date.now() + 60_000).toUTCString() };
      server.answer = (_, response) => send(response, 202, 'text/plain', '', headers);
      const error = await connect()
        .simpleEnroll(csr)
        .catch((cause: unknown) => cause);
      const { retryAfterMs = 0 } = error as { retryAfterMs?: number };
      expect(Math.abs(retryAfterMs - 60_000)).toBeLessThan(5_000);
    });

    test('a text that is too long is cut', async () => {
      server.answer = (_, response) => send(response, 400, 'text/plain', 'x'.repeat(100_000));
      const error = await connect()
        .caCerts()
        .catch((cause: unknown) => cause);
      expect((error as Error).message.length).toBeLessThan(2_200);
    });
  });

  describe('fails with ERR_EST_PROTOCOL', () => {
    const fail = async (answer: Answer): Promise<void> => {
      server.answer = answer;
      await expect(connect().simpleEnroll(csr)).rejects.toMatchObject({ code: 'ERR_EST_PROTOCOL' });
    };
    test('on another content type', async () => {
      const issued = encodeBase64Lines(encodeCertsOnly([await issue()]));
      await fail((_, response) => send(response, 200, 'text/html', issued));
      await fail((_, response) => send(response, 200, 'nonsense', issued));
    });

    test('on a body that is none', async () => {
      for (const body of ['', 'not base64', decodeUtf8(encodeBase64Lines(text('no PKCS #7')))]) {
        await fail((_, response) => send(response, 200, 'application/pkcs7-mime', body));
      }
    });

    test('R47 on a certificate for another key, and on two for the right one', async () => {
      const other = await server.ca.issue({ commonName: 'device' });
      await fail((_, response) => sendCertificates(response, [other.certificate]));
      const two = [await issue(), await issue('root')];
      await fail((_, response) => sendCertificates(response, two));
    });

    test('in csrAttrs and tpmActivateEnroll too', async () => {
      server.answer = (_, response) => send(response, 200, 'application/csrattrs', 'AQ==');
      await expect(connect().csrAttrs()).rejects.toMatchObject({ code: 'ERR_EST_PROTOCOL' });
    });
  });

  test('finds the issued certificate among those of the CA', async () => {
    const issued = await issue();
    server.answer = (_, response) => sendCertificates(response, [server.ca.certificate, issued]);
    expect(toHex((await connect().simpleEnroll(csr)).raw)).toBe(toHex(issued));
  });

  test('fails with ERR_EST_LIMIT on an answer that is too long, announced or not', async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-length': `${MAX_RESPONSE_BYTES + 1}` });
      response.write('x');
    };
    await expect(connect().caCerts()).rejects.toMatchObject({ code: 'ERR_EST_LIMIT' });
    server.answer = (_, response) => {
      response.writeHead(200);
      const more = setInterval(() => response.write(new Uint8Array(65_536)), 1);
      response.on('close', () => clearInterval(more));
    };
    await expect(connect().caCerts()).rejects.toMatchObject({ code: 'ERR_EST_LIMIT' });
  });

  test('fails with ERR_EST_TIMEOUT on a server that is silent, or sends a byte now and then', async () => {
    const slow: Answer[] = [
      () => {},
      (_, response) => {
        response.writeHead(200);
        const more = setInterval(() => response.write('A'), 20);
        response.on('close', () => clearInterval(more));
      },
    ];
    for (const answer of slow) {
      server.answer = answer;
      const started = performance.now();
      await expect(connect({ timeoutMs: 300 }).caCerts()).rejects.toMatchObject({
        code: 'ERR_EST_TIMEOUT',
      });
      expect(performance.now() - started).toBeLessThan(2_000);
    }
  });

  test('stops with the reason of the caller, before and amid a request', async () => {
    const early = AbortSignal.abort(new Error('too late'));
    await expect(connect().caCerts({ signal: early })).rejects.toThrow('too late');
    expect(server.requests).toHaveLength(0);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('changed my mind')), 100);
    await expect(connect().simpleEnroll(csr, { signal: controller.signal })).rejects.toThrow(
      'changed my mind',
    );
  });
});
