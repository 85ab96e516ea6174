import { createHash } from 'node:crypto';
import { encodeUtf8, fromHex, toBase64 } from '@cmc/bytes';
import { createFakeKeySync, fakeSigner, flipEachByte } from '@cmc/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCsr, createEstClient, decodeServerNonce, enrollmentNonce } from '../src/index.ts';
import { type FakeServer, startFakeServer } from './fake-server.ts';

const nonce = Uint8Array.from({ length: 32 }, (_, i) => i);
const spki = fromHex('3003020101');
const expiresAt = '2030-01-02T03:04:05Z';
const answer = (value: unknown): Uint8Array => encodeUtf8(JSON.stringify(value));

describe('enrollmentNonce', () => {
  test('R47 is SHA-256 over label, zero byte, nonce of the server and key', () => {
    const text = Buffer.concat([Buffer.from('CMC enrollment nonce v1'), Buffer.of(0), nonce, spki]);
    const expected = createHash('sha256').update(text).digest();
    expect(enrollmentNonce(spki, nonce)).toEqual(new Uint8Array(expected));
  });

  test('is SHA-256 of the key when the server has no nonce', () => {
    const expected = createHash('sha256').update(spki).digest();
    expect(enrollmentNonce(spki)).toEqual(new Uint8Array(expected));
  });

  test('R47 differs when any byte of nonce or key does', () => {
    const all = [
      ...[...flipEachByte(nonce)].map(({ bytes: changed }) => enrollmentNonce(spki, changed)),
      ...[...flipEachByte(spki)].map(({ bytes: changed }) => enrollmentNonce(changed, nonce)),
    ];
    expect(all.length).toBeGreaterThanOrEqual(nonce.length + spki.length);
    for (const changed of all) expect(changed).not.toEqual(enrollmentNonce(spki, nonce));
  });

  test.each([0, 31, 33])('refuses a nonce of %i bytes', (length) => {
    expect(() => enrollmentNonce(spki, new Uint8Array(length))).toThrow(RangeError);
  });
});

describe('decodeServerNonce', () => {
  test('gives nonce and time', () => {
    const decoded = decodeServerNonce(answer({ nonce: toBase64(nonce), expiresAt, more: 1 }));
    expect(decoded).toEqual({ nonce, expiresAt: new Date(expiresAt) });
  });

  test.each([
    ['null', null],
    ['a list', []],
    ['no nonce', { expiresAt }],
    ['a short nonce', { nonce: toBase64(nonce.subarray(1)), expiresAt }],
    ['no time', { nonce: toBase64(nonce) }],
    ['a time that is none', { nonce: toBase64(nonce), expiresAt: '2030-13-02T03:04:05Z' }],
    ['a time in another form', { nonce: toBase64(nonce), expiresAt: '1 Jan 2030' }],
  ])('refuses %s', (_, value) => {
    expect(() => decodeServerNonce(answer(value))).toThrow(
      expect.objectContaining({ code: 'ERR_DECODE_VALUE' }),
    );
  });
});

describe('the client', () => {
  let server: FakeServer;
  beforeEach(async () => {
    server = await startFakeServer(() => {});
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  test('asks for a nonce', async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(answer({ nonce: toBase64(nonce), expiresAt }));
    };
    const client = createEstClient({ url: server.url, roots: server.roots });
    expect(await client.nonce()).toEqual({ nonce, expiresAt: new Date(expiresAt) });
    expect(server.requests[0]?.url).toBe('/.well-known/est/nonce');
  });

  test('gives undefined for a server without nonces, and fails with one that fails', async () => {
    let status = 404;
    server.answer = (_, response) => {
      response.writeHead(status, { 'content-type': 'text/plain' });
      response.end('no');
    };
    const client = createEstClient({ url: server.url, roots: server.roots });
    expect(await client.nonce()).toBeUndefined();
    status = 503;
    await expect(client.nonce()).rejects.toMatchObject({ code: 'ERR_EST_REFUSED' });
  });

  test('R47 names the nonce of the server beside the report', async () => {
    const key = createFakeKeySync('EC256');
    const csr = await createCsr({ signer: fakeSigner(key, []), subject: { commonName: 'd' } });
    server.answer = (_, response) => {
      response.writeHead(403, { 'content-type': 'text/plain' });
      response.end('no');
    };
    const client = createEstClient({ url: server.url, roots: server.roots });
    const request = { csr, report: Uint8Array.of(1) };
    const enrolled = client.attestEnroll(request, { serverNonce: nonce });
    await expect(enrolled).rejects.toMatchObject({ code: 'ERR_EST_UNAUTHORIZED' });
    await expect(client.attestEnroll(request)).rejects.toMatchObject({ status: 403 });
    const sent = server.requests.map(({ headers }) => headers['cmc-attestation-nonce']);
    expect(sent).toEqual([toBase64(nonce), undefined]);
  });
});
