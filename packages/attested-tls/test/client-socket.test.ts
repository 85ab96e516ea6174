import { once } from 'node:events';
import { get } from 'node:http';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { createServer as createTcpServer, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type AttestedSocket, connect } from '../src/index.ts';
import { codeOf, dial, outcomeOf, quick, serve } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { clientIdentity, serverIdentity, strangerIdentity, trusted } from './support/pki.ts';

async function pair() {
  const { port, next } = await serve();
  const client = dial(port);
  const [, server] = await Promise.all([outcomeOf(client), next()]);
  return { client, server: server as AttestedSocket };
}

test('has every public member of a TLSSocket', async () => {
  const { client } = await pair();
  const names = [TLSSocket, Socket, Duplex].flatMap(({ prototype }) =>
    Object.getOwnPropertyNames(prototype),
  );
  // Not documented, or for servers and for making a connection.
  const internal = [
    'connect',
    'constructor',
    'reinitializeHandle',
    'setKeyCert',
    'setServername',
    'setSession',
  ];
  const expected = names.filter((name) => !name.startsWith('_') && !internal.includes(name));
  expect(expected.length).toBeGreaterThan(50);
  expect(expected.filter((name) => !(name in client))).toEqual([]);
});

test('tells about the TLS connection as a TLSSocket does', async () => {
  const { client, server } = await pair();
  expect(client.getProtocol()).toBe('TLSv1.3');
  expect(client.authorized).toBe(true);
  expect(client.encrypted).toBe(true);
  expect(client.getPeerCertificate().subject.CN).toBe('server');
  expect(client.getPeerX509Certificate()?.subject).toBe('CN=server');
  expect((client.getCertificate() as { subject: { CN: string } }).subject.CN).toBe('client');
  expect(client.isSessionReused()).toBe(false);
  expect(client.remotePort).toBe(server.localPort);
  expect(client.localPort).toBe(server.remotePort);
  expect(client.address()).toMatchObject({ address: '127.0.0.1' });
  expect(client.connecting).toBe(false);
  expect(client.setNoDelay(true).setKeepAlive(true).unref().ref()).toBe(client);
  const label = 'EXPORTER-test';
  expect(client.exportKeyingMaterial(16, label, Buffer.alloc(0))).toEqual(
    server.exportKeyingMaterial(16, label, Buffer.alloc(0)),
  );
});

test('is returned at once, without an attestation', async () => {
  const { port } = await serve();
  const client = dial(port);
  expect(client.attestation).toBeUndefined();
  expect(client.connecting).toBe(true);
  const events: string[] = [];
  for (const event of ['connect', 'ready', 'secureConnect']) {
    client.on(event, () => events.push(event));
  }
  await once(client, 'secureConnect');
  expect(events).toEqual(['connect', 'ready', 'secureConnect']);
  expect(client.attestation).toBeDefined();
});

describe('overloads of node:tls', () => {
  const options = { ...clientIdentity, ...trusted, cmc: fakeCmc(), timeouts: quick };

  test('connects to port, host', async () => {
    const { port } = await serve();
    const socket = connect(port, '127.0.0.1', options);
    await once(socket, 'secureConnect');
    socket.destroy();
  });

  test('connects to port with options and listener', async () => {
    const { port } = await serve();
    const listened = new Promise<void>((resolve) => {
      const socket = connect(port, { ...options, host: '127.0.0.1' }, () => {
        socket.destroy();
        resolve();
      });
    });
    await listened;
  });

  test('connects to the path of a Unix socket', async () => {
    const { server, next } = await serve();
    const front = createTcpServer((socket) => server.emit('connection', socket));
    const path = `\0attested-tls-test-${process.pid}`;
    front.listen(path);
    await once(front, 'listening');
    onTestFinished(() => {
      front.close();
    });
    const socket = connect(path, { ...options, servername: 'localhost' });
    onTestFinished(() => {
      socket.destroy();
    });
    await once(socket, 'secureConnect');
    expect(codeOf(await next())).toBe('connected');
  });
});

describe('failures before attestation are those of Node', () => {
  test('nobody listens', async () => {
    const { port, server } = await serve();
    server.close();
    expect(codeOf(await outcomeOf(dial(port)))).toBe('ECONNREFUSED');
  });

  test('the server has a certificate of another name', async () => {
    const { port } = await serve();
    const client = dial(port, { servername: 'elsewhere.example' });
    expect(codeOf(await outcomeOf(client))).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('the server has a certificate of an unknown CA', async () => {
    const { port } = await serve(strangerIdentity);
    expect(codeOf(await outcomeOf(dial(port)))).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('checkServerIdentity of the application says no', async () => {
    const { port } = await serve();
    const checkServerIdentity = (): Error => Object.assign(new Error('no'), { code: 'MY_CODE' });
    expect(codeOf(await outcomeOf(dial(port, { checkServerIdentity })))).toBe('MY_CODE');
  });
});

test.each([
  ['no certificate', { cert: undefined, key: undefined }],
  ['a certificate of an unknown CA', strangerIdentity],
])('reports as a failure of TLS that the server refuses %s', async (_, identity) => {
  const { server, port } = await serve();
  const refused = once(server, 'tlsClientError');
  const outcome = await outcomeOf(dial(port, identity));
  expect(codeOf(outcome)).toMatch(/^ERR_ATLS_(TLS|CLOSED)$/);
  await refused;
});

describe('closing', () => {
  test('ends both directions when the peer ends', async () => {
    const { client, server } = await pair();
    server.end('bye');
    client.resume();
    const [hadError] = await once(client, 'close');
    expect(hadError).toBe(false);
    expect(client.destroyed).toBe(true);
  });

  test('stays half open when told so, and delivers what is written then', async () => {
    const { port, next } = await serve();
    const client = dial(port, { allowHalfOpen: true });
    const [, end] = await Promise.all([outcomeOf(client), next()]);
    const server = end as AttestedSocket;
    server.allowHalfOpen = true;
    server.end();
    client.resume();
    await once(client, 'end');
    client.end('afterwards');
    let text = '';
    for await (const chunk of server) text += chunk;
    expect(text).toBe('afterwards');
  });

  test('delivers all that was written before the end of the peer came', async () => {
    const { client, server } = await pair();
    const size = 3 * 1024 * 1024;
    client.write(Buffer.alloc(size));
    client.resume();
    server.allowHalfOpen = true;
    server.end();
    let received = 0;
    for await (const chunk of server) received += chunk.length;
    expect(received).toBe(size);
  });

  test('reports a lost connection as an error, and closes with it', async () => {
    const { client, server } = await pair();
    const closed = once(client, 'close').catch((error) => error);
    const failed = once(client, 'error').catch((error) => error);
    Reflect.get(server, '_parent').resetAndDestroy();
    expect(codeOf((await failed)[0])).toBe('ECONNRESET');
    await closed;
    expect(client.destroyed).toBe(true);
  });

  test('destroy takes the connection down, destroySoon after everything is written', async () => {
    const { client, server } = await pair();
    client.write(Buffer.alloc(1024 * 1024));
    client.destroySoon();
    let received = 0;
    for await (const chunk of server) received += chunk.length;
    expect(received).toBe(1024 * 1024);
    expect(client.destroyed).toBe(true);
  });

  test('destroy during the handshake ends it on both sides', async () => {
    const { port, next } = await serve({
      cmc: fakeCmc({ before: () => new Promise((resolve) => setTimeout(resolve, 100)) }),
    });
    const client = dial(port);
    client.on('connect', () => setTimeout(() => client.destroy(), 50));
    const [hadError] = await once(client, 'close');
    expect(hadError).toBe(false);
    expect(codeOf(await next())).toBe('ERR_ATLS_CLOSED');
  });
});

describe('signal', () => {
  test('aborts a connection on its way with an AbortError', async () => {
    const controller = new AbortController();
    const { port, next } = await serve();
    const before = (operation: string): void => {
      if (operation === 'attest') controller.abort();
    };
    const client = dial(port, { cmc: fakeCmc({ before }), signal: controller.signal });
    expect(codeOf(await outcomeOf(client))).toBe('ABORT_ERR');
    expect(codeOf(await next())).toBe('ERR_ATLS_CLOSED');
  });

  test('aborts an attested connection, as with node:tls', async () => {
    const controller = new AbortController();
    const { port } = await serve();
    const client = dial(port, { signal: controller.signal });
    await outcomeOf(client);
    const failed = once(client, 'error').catch((error) => error);
    controller.abort();
    expect(codeOf((await failed)[0])).toBe('ABORT_ERR');
  });
});

test('emits timeout after idle time, to listeners and to the callback', async () => {
  const { client } = await pair();
  const called = new Promise<void>((resolve) => {
    client.setTimeout(30, resolve);
  });
  await Promise.all([called, once(client, 'timeout')]);
  expect(client.timeout).toBe(30);
});

test('stops reading when the application does', async () => {
  const { client, server } = await pair();
  client.pause();
  server.write(Buffer.alloc(64 * 1024 * 1024));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(server.writableLength).toBeGreaterThan(0);
  expect(client.readableLength).toBeLessThan(1024 * 1024);
});

test('carries HTTP for a request that is written before the attestation', async () => {
  const { server, port } = await serve();
  server.on('secureConnection', (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  });
  const response = await new Promise<string>((resolve, reject) => {
    const req = get({ createConnection: () => dial(port), host: 'localhost' }, (res) => {
      res.setEncoding('utf8');
      res.on('data', resolve);
    });
    req.on('error', reject);
  });
  expect(response).toBe('ok');
});

test('carries HTTP/2, with a client session made before the attestation', async () => {
  const { server, port } = await serve({ ALPNProtocols: ['h2'] });
  const h2 = createSecureServer(serverIdentity);
  h2.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.end('h2 ok');
  });
  server.on('secureConnection', (socket) => h2.emit('secureConnection', socket));
  const session = connectHttp2('https://localhost', {
    createConnection: () => dial(port, { ALPNProtocols: ['h2'] }),
  });
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  stream.setEncoding('utf8');
  let text = '';
  for await (const chunk of stream) text += chunk;
  expect(text).toBe('h2 ok');
});
