import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { get, Agent as NodeAgent, request, Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  Agent,
  type AgentOptions,
  attestationOf,
  createHttpsServer,
  type HttpsServerOptions,
} from '../src/index.ts';
import { codeOf, quick } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { clientIdentity, serverIdentity, trusted } from './support/pki.ts';
import { dialRaw, encodeRaw, frame } from './support/raw-peer.ts';

const echo: RequestListener = (req, res) => {
  const peer = attestationOf(req.socket);
  res.setHeader('x-peer', peer?.result?.summary.status ?? 'none');
  req.pipe(res);
};

async function serveHttps(
  listener: RequestListener = echo,
  options: Partial<HttpsServerOptions> = {},
): Promise<{ server: Server; url: string }> {
  const server = createHttpsServer(
    { ...serverIdentity, ...trusted, mtls: true, cmc: fakeCmc(), timeouts: quick, ...options },
    listener,
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { server, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function agentOf(options: Partial<AgentOptions> = {}): Agent {
  const agent = new Agent({
    ...clientIdentity,
    ...trusted,
    cmc: fakeCmc(),
    timeouts: quick,
    ...options,
  });
  onTestFinished(() => agent.destroy());
  return agent;
}

async function post(url: string, agent: NodeAgent, body: string) {
  const req = request(url, { method: 'POST', agent });
  req.end(body);
  const [response] = (await once(req, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { response, text };
}

test('requests and responses cross an attested connection', async () => {
  const { server, url } = await serveHttps();
  expect(server).toBeInstanceOf(Server);
  const agent = agentOf();
  expect(agent).toBeInstanceOf(NodeAgent);
  const { response, text } = await post(url, agent, 'hello');
  expect(text).toBe('hello');
  expect(response.headers['x-peer']).toBe('success');
  expect(attestationOf(response.socket)).toMatchObject({
    mode: 'mutual',
    result: { summary: { status: 'success' } },
  });
});

test('connections that are kept alive are attested once', async () => {
  const cmc = fakeCmc();
  const { url } = await serveHttps();
  const agent = agentOf({ cmc, keepAlive: true, maxSockets: 1 });
  const texts = await Promise.all(
    ['a', 'b', 'c'].map(async (body) => (await post(url, agent, body)).text),
  );
  expect(texts).toEqual(['a', 'b', 'c']);
  expect(cmc.calls.map(({ operation }) => operation)).toEqual(['peerCache', 'attest', 'verify']);
});

test('bodies of 5 MB cross in both directions', async () => {
  const { url } = await serveHttps();
  const body = 'x'.repeat(5_000_000);
  expect((await post(url, agentOf(), body)).text === body).toBe(true);
});

test('a request that comes right behind the Complete is answered', async () => {
  const { server } = await serveHttps((req, res) => res.end(`path ${req.url}`));
  const raw = await dialRaw(server);
  raw.send('request', { attest: 0 });
  raw.send('response', { report: raw.report() });
  raw.socket.end(
    Buffer.concat([
      frame(encodeRaw('complete', { version: '1.3.0', success: true }, 'cbor')),
      Buffer.from('GET /behind HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    ]),
  );
  await raw.receive('request');
  await raw.receive('response');
  await raw.receive('complete');
  expect((await raw.drain()).toString()).toMatch(/^HTTP\/1\.1 200 (.|\n|\r)*path \/behind/);
});

test('two requests in pieces around the Complete are both answered', async () => {
  const { server } = await serveHttps((req, res) => res.end(`path ${req.url}`));
  const raw = await dialRaw(server);
  raw.send('request', { attest: 0 });
  raw.send('response', { report: raw.report() });
  raw.write(
    Buffer.concat([
      frame(encodeRaw('complete', { version: '1.3.0', success: true }, 'json')),
      Buffer.from('GET /first HTTP/1.1\r\nHost'),
    ]),
  );
  await new Promise((resolve) => setTimeout(resolve, 30));
  raw.write(Buffer.from(': x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
  await raw.receive('request');
  await raw.receive('response');
  await raw.receive('complete');
  const answers = (await raw.drain()).toString();
  expect(answers.indexOf('path /first')).toBeGreaterThan(0);
  expect(answers.indexOf('path /second')).toBeGreaterThan(answers.indexOf('path /first'));
});

describe('R45 a connection that is not attested', () => {
  test('carries no request of ours', async () => {
    const requests: string[] = [];
    const { url } = await serveHttps((req, res) => {
      requests.push(String(req.url));
      res.end();
    });
    const req = get(url, { agent: agentOf({ cmc: fakeCmc({ status: 'fail' }) }) });
    const [error] = await once(req, 'error');
    expect(codeOf(error)).toBe('ERR_ATLS_PEER_ATTESTATION');
    expect(requests).toEqual([]);
  });

  test('gets no request to the application', async () => {
    const requests: string[] = [];
    const { server, url } = await serveHttps(
      (req, res) => {
        requests.push(String(req.url));
        res.end();
      },
      { cmc: fakeCmc({ status: 'fail' }) },
    );
    const refused = once(server, 'attestationError');
    const req = get(url, { agent: agentOf() });
    const [error] = await once(req, 'error');
    expect(codeOf(error)).toBe('ERR_ATLS_PEER_REPORTED');
    expect(codeOf((await refused)[0])).toBe('ERR_ATLS_PEER_ATTESTATION');
    expect(requests).toEqual([]);
  });

  test('is refused when a plain HTTPS client comes', async () => {
    const { server, url } = await serveHttps();
    const refused = once(server, 'attestationError');
    const agent = new NodeAgent({ ...clientIdentity, ...trusted });
    const req = get(url, { agent });
    req.on('error', () => {});
    expect(codeOf((await refused)[0])).toBe('ERR_ATLS_LIMIT');
    agent.destroy();
  });
});

test('errors of TCP and TLS arrive at the request as those of Node', async () => {
  const { server, url } = await serveHttps();
  const [altname] = await once(
    get(url, { agent: agentOf(), servername: 'other.example' }),
    'error',
  );
  expect(codeOf(altname)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  await new Promise((resolve) => server.close(resolve));
  const [refused] = await once(get(url, { agent: agentOf() }), 'error');
  expect(codeOf(refused)).toBe('ECONNREFUSED');
});

test('options that would weaken the connections are refused', () => {
  expect(() => agentOf({ maxVersion: 'TLSv1.2' })).toThrow(TypeError);
  expect(() => agentOf({ attest: 'both' as 'mutual' })).toThrow(TypeError);
  const base = { ...clientIdentity, ...trusted };
  expect(() => new Agent(base)).toThrow(TypeError);
});

test('no session is kept for resumption', () => {
  const agent = agentOf();
  expect(agent.options.maxCachedSessions).toBe(0);
});
