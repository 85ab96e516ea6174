import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { Agent, createServer as createHttpsServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { describeWithAddon } from './support/addon.ts';
import { handshake } from './support/handshake.ts';
import { createParty } from './support/party.ts';

const ALGORITHMS = ['EC256', 'EC384', 'EC521', 'RSA2048', 'RSA4096'] as const;
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const RSA_SCHEMES = [
  'RSA-PKCS1',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
] as const;

describeWithAddon('TLS with a key that is elsewhere', () => {
  for (const algorithm of ALGORITHMS) {
    for (const version of VERSIONS) {
      it(`${algorithm}, ${version}: both ends sign once for a mutual handshake`, async () => {
        const server = await createParty(algorithm);
        const client = await createParty(algorithm);
        const versions = { minVersion: version, maxVersion: version };
        const outcome = await handshake(
          { ...versions, cert: server.cert, key: server.key.pem, ca: server.ca, requestCert: true },
          { ...versions, cert: client.cert, key: client.key.pem, ca: client.ca },
        );
        expect(outcome).toEqual({ text: 'hello' });
        expect([server.signatures(), client.signatures()]).toEqual([1, 1]);
        for (const { requests } of [server, client]) {
          const { message = new Uint8Array(), digest, hash } = requests[0] ?? never();
          const name = hash.replace('-', '');
          expect(createHash(name).update(message).digest().equals(digest)).toBe(true);
          // RFC 8446, section 4.4.3; in TLS 1.2 a client signs the handshake so far.
          if (version === 'TLSv1.3')
            expect(new TextDecoder().decode(message)).toMatch(/^ {64}TLS 1\.3, /);
        }
      });
    }
  }

  for (const scheme of RSA_SCHEMES) {
    it(`RSA signs with ${scheme} where that is the only choice`, async () => {
      const party = await createParty('RSA2048');
      const sigalgs = scheme === 'RSA-PKCS1' ? 'RSA+SHA256' : scheme;
      const maxVersion = scheme === 'RSA-PKCS1' ? 'TLSv1.2' : 'TLSv1.3';
      const outcome = await handshake(
        { cert: party.cert, key: party.key.pem, maxVersion },
        // The certificate itself is signed with ECDSA.
        { ca: party.ca, sigalgs: `${sigalgs}:ECDSA+SHA256`, maxVersion },
      );
      expect(outcome).toEqual({ text: 'hello' });
      expect(party.signatures()).toBe(1);
    });
  }

  it('TLS 1.2: a client signs a long handshake as a message up to 128 KiB, else its digest', async () => {
    const server = await createParty('EC256');
    const client = await createParty('EC256');
    const maxVersion = 'TLSv1.2';
    // Certificates that lead nowhere, in the part of the handshake that is signed.
    const long = server.ca.repeat(180);
    for (const more of ['', long]) {
      const outcome = await handshake(
        { cert: server.cert + more, key: server.key.pem, ca: client.ca, requestCert: true },
        { cert: client.cert + more, key: client.key.pem, ca: server.ca, maxVersion },
      );
      expect(outcome).toEqual({ text: 'hello' });
    }
    const [short, none] = client.requests.map(({ message }) => message?.length ?? 0);
    expect(short).toBeGreaterThan(1024);
    expect(none).toBe(0);
  });

  it('https serves with it and asks with it', async () => {
    const server = await createParty('EC256');
    const client = await createParty('EC384');
    const https = createHttpsServer(
      { cert: server.cert, key: server.key.pem, ca: server.ca, requestCert: true },
      (_request, response) => response.end('over https'),
    );
    https.listen(0, 'localhost');
    await once(https, 'listening');
    const { port } = https.address() as AddressInfo;
    const agent = new Agent({ cert: client.cert, key: client.key.pem, ca: client.ca });
    const asked = request({ host: 'localhost', port, agent });
    asked.end();
    const [response] = await once(asked, 'response');
    const [body] = await once(response, 'data');
    expect(String(body)).toBe('over https');
    https.close();
    expect([server.signatures(), client.signatures()]).toEqual([1, 1]);
  });

  it('http2 serves with it', async () => {
    const party = await createParty('EC256');
    const server = createSecureServer({ cert: party.cert, key: party.key.pem });
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('over http2');
    });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const session = connectHttp2(`https://localhost:${port}`, { ca: party.ca });
    const stream = session.request();
    const [body] = await once(stream, 'data');
    expect(String(body)).toBe('over http2');
    session.close();
    server.close();
    expect(party.signatures()).toBe(1);
  });

  it('grpc-js serves and calls with it', async () => {
    const server = await createParty('EC256');
    const client = await createParty('EC256');
    const keys = [
      { private_key: Buffer.from(server.key.pem), cert_chain: Buffer.from(server.cert) },
    ];
    const grpc = new Server();
    const same = (bytes: Buffer): Buffer => bytes;
    const path = '/test.Echo/Echo';
    const method = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    grpc.addService(
      { Echo: method },
      {
        Echo: (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void): void =>
          callback(null, call.request),
      },
    );
    const serverCredentials = ServerCredentials.createSsl(Buffer.from(server.ca), keys, true);
    const port = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync('localhost:0', serverCredentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    const channel = credentials.createSsl(
      Buffer.from(client.ca),
      Buffer.from(client.key.pem),
      Buffer.from(client.cert),
    );
    const caller = new Client(`localhost:${port}`, channel);
    const answer = await new Promise<Buffer | undefined>((resolve, reject) =>
      caller.makeUnaryRequest(
        path,
        same,
        same,
        Buffer.from('hi'),
        new Metadata(),
        (error, value) => (error === null ? resolve(value) : reject(error)),
      ),
    );
    expect(String(answer)).toBe('hi');
    caller.close();
    grpc.forceShutdown();
    expect(server.signatures()).toBe(1);
    expect(client.signatures()).toBe(1);
  });

  it('a secure context added for a name uses it', async () => {
    const party = await createParty('EC256');
    const context = createSecureContext({ cert: party.cert, key: party.key.pem });
    const outcome = await handshake(
      { SNICallback: (_name, callback) => callback(null, context) },
      { ca: party.ca, servername: 'localhost' },
    );
    expect(outcome).toEqual({ text: 'hello' });
    expect(party.signatures()).toBe(1);
  });

  it('a certificate of another key is refused when the context is made', async () => {
    const [one, other] = [await createParty('EC256'), await createParty('EC256')];
    expect(() => createSecureContext({ cert: one.cert, key: other.key.pem })).toThrow(
      /key values mismatch/,
    );
  });
});

function never(): never {
  throw new Error('no signature was asked for');
}
