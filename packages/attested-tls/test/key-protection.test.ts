import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  Agent,
  attestationOf,
  connect,
  createHttpsServer,
  createServer,
  type ServerOptions,
} from '../src/index.ts';
import { codeOf, dial, outcomeOf, quick, serve } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { addonIsMissing, ca, open, startDaemon } from './support/key-daemon.ts';
import { clientIdentity, serverIdentity, trusted } from './support/pki.ts';

const cmc = fakeCmc();
const common = { cmc, timeouts: quick, ca: `${ca.pem}${trusted.ca}` };
const required = { requireKeyProtection: 'remote' } as const;
/** Everything that takes TLS keys, made with some options. None of them connects. */
const ENDS: Readonly<Record<string, (options: object) => unknown>> = {
  connect: (options) => connect({ ...common, host: '127.0.0.1', port: 1, ...options }),
  createServer: (options) => createServer({ ...common, ...options }),
  createHttpsServer: (options) => createHttpsServer({ ...common, ...options }),
  Agent: (options) => new Agent({ ...common, ...options }),
};

/** A PEM text in the form of `@cmc/tls-remote-key`, of no key at all. */
const body = Buffer.alloc(80, 1).toString('base64');
const remoteLooking = `-----BEGIN REMOTE PRIVATE KEY-----\n${body}\n-----END REMOTE PRIVATE KEY-----\n`;

describe.each(Object.entries(ENDS))('%s that requires remote keys', (_name, make) => {
  test.each([
    ['a key in this process', clientIdentity],
    ['the same as bytes', { ...clientIdentity, key: Buffer.from(clientIdentity.key) }],
    ['the same with a passphrase', { ...clientIdentity, key: [{ pem: clientIdentity.key }] }],
    ['no key', {}],
    ['an empty list of keys', { key: [] }],
    ['a local key besides a remote one', { key: [remoteLooking, clientIdentity.key] }],
    ['a local key in front of a remote one', { key: clientIdentity.key + remoteLooking }],
    ['a local key behind a remote one', { key: remoteLooking + clientIdentity.key }],
    ['PKCS #12', { key: remoteLooking, pfx: Buffer.alloc(8) }],
    ['a secure context', { secureContext: createSecureContext(clientIdentity) }],
    ['a callback for contexts', { key: remoteLooking, SNICallback: () => undefined }],
    ['a key of an engine', { privateKeyIdentifier: 'k', privateKeyEngine: 'e' }],
  ])('refuses %s with a TypeError', (_what, options) => {
    expect(() => make({ ...options, ...required })).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringContaining('requireKeyProtection'),
      }),
    );
  });

  test('knows no other protection', () => {
    const other = { requireKeyProtection: 'hardware' as 'remote' };
    expect(() => make({ ...clientIdentity, ...other })).toThrow(TypeError);
  });
});

test.each([
  ['mutual', 'bound', 'bound'],
  ['client', 'bound', 'local'],
  ['server', 'local', 'bound'],
  ['none', 'local', 'local'],
] as const)(
  'in mode %s a local key of the client is %s, of the server %s',
  async (attest, ...expected) => {
    const { port, next } = await serve({ attest });
    const client = dial(port, { attest });
    const ends = await Promise.all([outcomeOf(client), next()]);
    expect(ends.map((end) => Reflect.get(end, 'attestation').keyProtection)).toEqual(expected);
  },
);

test('an end that sent no certificate has no protection of its key', async () => {
  const { port } = await serve({ mtls: false });
  const client = dial(port, { cert: undefined, key: undefined });
  expect(codeOf(await outcomeOf(client))).toBe('connected');
  expect(client.attestation).not.toHaveProperty('keyProtection');
});

describe.skipIf(addonIsMissing())('a connection with a key of the daemon', () => {
  test('says so at the end of connect, and only there', async () => {
    const key = await open(await startDaemon());
    const { port, next } = await serve({ ca: common.ca });
    const client = dial(port, { ...key.tls, ...required });
    const [, server] = await Promise.all([outcomeOf(client), next()]);
    expect(client.attestation?.keyProtection).toBe('remote');
    expect(server).toMatchObject({ attestation: { keyProtection: 'bound' } });
  });

  test.each([
    ['text', (pem: string) => pem],
    ['bytes', (pem: string) => Buffer.from(pem)],
    ['a list', (pem: string) => [pem]],
    ['a list of objects', (pem: string) => [{ pem }]],
  ])('says so at the end of createServer, given as %s', async (_form, formOf) => {
    const key = await open(await startDaemon());
    const { port, next } = await serve({
      ...{ cert: key.tls.cert, key: formOf(key.tls.key) },
      ...required,
    });
    const client = dial(port, { ca: ca.pem });
    const [, server] = await Promise.all([outcomeOf(client), next()]);
    expect(server).toMatchObject({ attestation: { keyProtection: 'remote' } });
    expect(client.attestation?.keyProtection).toBe('bound');
  });

  test('is told from one of the same server with another key', async () => {
    const key = await open(await startDaemon());
    const { server, port, next } = await serve();
    server.addContext('localhost', { ...key.tls, ca: trusted.ca });
    const dialAs = (servername: string): ReturnType<typeof dial> =>
      dial(port, { ca: [ca.pem, trusted.ca], servername });
    const [, named] = await Promise.all([outcomeOf(dialAs('localhost')), next()]);
    expect(named).toMatchObject({ attestation: { keyProtection: 'remote' } });
    const [, other] = await Promise.all([outcomeOf(dialAs('')), next()]);
    expect(other).toMatchObject({ attestation: { keyProtection: 'bound' } });
  });

  test('follows a change of the key', async () => {
    const { server, port, next } = await serve();
    const key = await open(await startDaemon());
    server.setSecureContext({ ...key.tls, ca: trusted.ca });
    const [, end] = await Promise.all([outcomeOf(dial(port, { ca: ca.pem })), next()]);
    expect(end).toMatchObject({ attestation: { keyProtection: 'remote' } });
  });

  test('cannot be changed to a local key where remote ones are required', async () => {
    const key = await open(await startDaemon());
    const { server, port, next } = await serve({ ...key.tls, ...required });
    const local = { ...serverIdentity, ...trusted };
    expect(() => server.setSecureContext(local)).toThrow(TypeError);
    expect(() => server.addContext('localhost', local)).toThrow(TypeError);
    expect(() => server.addContext('localhost', createSecureContext(local))).toThrow(TypeError);
    const client = dial(port, { ca: ca.pem, servername: 'localhost' });
    const [, end] = await Promise.all([outcomeOf(client), next()]);
    expect(end).toMatchObject({ attestation: { keyProtection: 'remote' } });
  });

  test('says so for Agent and createHttpsServer', async () => {
    const [serverKey, clientKey] = [
      await open(await startDaemon()),
      await open(await startDaemon()),
    ];
    const url = await serveHttps((req, res) => res.end(attestationOf(req.socket)?.keyProtection), {
      ...serverKey.tls,
      ...required,
    });
    const agent = new Agent({ ...common, ...clientKey.tls, ...required });
    onTestFinished(() => agent.destroy());
    const asked = request(url, { agent }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    expect(String((await once(response, 'data'))[0])).toBe('remote');
    expect(attestationOf(response.socket)?.keyProtection).toBe('remote');
  });

  test('of an Agent cannot be replaced by what a request brings', async () => {
    const key = await open(await startDaemon());
    const agent = new Agent({ ...common, ...key.tls, ...required });
    onTestFinished(() => agent.destroy());
    const url = await serveHttps((_req, res) => res.end());
    const secureContext = createSecureContext({ ...clientIdentity, ...trusted });
    // Node's types do not know that a request may bring one.
    const options = { agent, secureContext } as object;
    expect(() => request(url, options)).toThrow(TypeError);
  });
});

async function serveHttps(
  listener: RequestListener,
  options: Partial<ServerOptions> = {},
): Promise<string> {
  const server = createHttpsServer(
    { ...common, ...serverIdentity, mtls: true, ...options },
    listener,
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
