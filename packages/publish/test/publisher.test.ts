import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { attestationResultSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { createFakeCa } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPublisher, type PublisherOptions } from '../src/index.ts';
import { MISSING_CONTAINER, resultWith, UNKNOWN_CONTAINER } from './support/result.ts';
import { startServer } from './support/server.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const RESULT = resultWith([UNKNOWN_CONTAINER, MISSING_CONTAINER]);

const publish = async (options: PublisherOptions, result = RESULT, signal?: AbortSignal) =>
  await createPublisher(options).publish(result, signal === undefined ? {} : { signal });

/** Codes of the outcomes, by target. */
const codes = (outcomes: Awaited<ReturnType<typeof publish>>) =>
  Object.fromEntries(outcomes.map(({ target, error }) => [target, error?.code]));

describe('publish', () => {
  test('sends the result, one finding per artifact that ran, and who attested whom', async () => {
    const { url, ca, received } = await startServer();
    const outcomes = await publish({
      publishResults: `${url}/results?tenant=7`,
      publishOcsf: `${url}/ocsf`,
      publishNetwork: `${url}/network`,
      roots: [ca.pem],
    });
    expect(outcomes).toEqual([
      { target: 'results', location: `${url}/results`, sent: 1 },
      { target: 'ocsf', location: `${url}/ocsf`, sent: 1 },
      { target: 'network', location: `${url}/network`, sent: 1 },
    ]);
    const at = (path: string) => received.filter((request) => request.path === path);
    expect(received).toHaveLength(3);
    for (const { method, headers, client } of received) {
      expect(method).toBe('POST');
      expect(headers['content-type']).toBe('application/json');
      expect(headers.authorization).toBeUndefined();
      expect(client).toBeUndefined();
    }
    const [result] = at('/results?tenant=7');
    const { value } = decodeStruct(attestationResultSchema, Buffer.from(result?.body ?? ''));
    expect(value).toEqual(RESULT);
    expect(JSON.parse(at('/ocsf')[0]?.body ?? '')).toMatchObject({
      class_uid: 2004,
      evidences: [{ file: { hashes: [{ value: 'ab'.repeat(32) }] } }],
    });
    expect(JSON.parse(at('/network')[0]?.body ?? '')).toEqual({
      verifier: RESULT.verifier,
      prover: RESULT.prover,
      status: 'fail',
      time: '2026-01-15T00:00:00.000Z',
    });
  });

  test('writes an indented file that everybody may read, in place of the last one', async () => {
    const publishFile = join(temporaryFolder(), 'result.json');
    writeFileSync(publishFile, 'old');
    expect(await publish({ publishFile })).toEqual([
      { target: 'file', location: publishFile, sent: 1 },
    ]);
    const text = readFileSync(publishFile, 'utf8');
    expect(text.startsWith('{\n  "version": "1.4.0",\n  "type"')).toBe(true);
    expect(decodeStruct(attestationResultSchema, Buffer.from(text)).value).toEqual(RESULT);
    expect(statSync(publishFile).mode & 0o777).toBe(0o644);
    expect(readdirSync(join(publishFile, '..'))).toEqual(['result.json']);
  });

  test('does nothing when nothing is set', async () => {
    expect(await publish({})).toEqual([]);
  });

  test('has nothing to say without findings, or when the verifier has no name', async () => {
    const { url, ca, received } = await startServer();
    const result = resultWith([UNKNOWN_CONTAINER], {
      summary: { status: 'success' },
      verifier: { ip: '192.0.2.1' },
    });
    const outcomes = await publish(
      { publishOcsf: url, publishNetwork: url, roots: [ca.pem] },
      result,
    );
    expect(outcomes).toMatchObject([{ sent: 0 }, { sent: 0 }]);
    expect(codes(outcomes)).toEqual({ ocsf: undefined, network: undefined });
    expect(received).toEqual([]);
  });

  test.each([{}, { hostname: '' }])(
    'a result whose prover is %j is not published',
    async (prover) => {
      const { url, ca, received } = await startServer();
      const folder = temporaryFolder();
      const outcomes = await publish(
        {
          publishFile: join(folder, 'result.json'),
          publishResults: url,
          publishOcsf: url,
          publishNetwork: url,
          roots: [ca.pem],
        },
        resultWith([UNKNOWN_CONTAINER], { prover }),
      );
      const code = 'ERR_PUBLISH_PROVER';
      expect(codes(outcomes)).toEqual({ file: code, results: code, ocsf: code, network: code });
      expect(received).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test('one target that fails does not keep another from its result, and each warns', async () => {
    const { url, ca, received } = await startServer();
    const warnings: object[] = [];
    const ignore = (): void => undefined;
    const outcomes = await publish({
      publishFile: join(temporaryFolder(), 'no-such-folder/result.json'),
      publishResults: url,
      publishNetwork: 'https://127.0.0.1:1/',
      roots: [ca.pem],
      logger: {
        debug: ignore,
        info: ignore,
        error: ignore,
        warn: (fields) => warnings.push(fields),
      },
    });
    expect(codes(outcomes)).toEqual({
      file: 'ERR_PUBLISH_FILE',
      results: undefined,
      network: 'ERR_PUBLISH_UNAVAILABLE',
    });
    expect(received).toHaveLength(1);
    expect(warnings).toMatchObject([
      { target: expect.any(String), error: { code: expect.any(String) } },
      { target: expect.any(String), error: { code: expect.any(String) } },
    ]);
  });

  test('a result that cannot be encoded is an outcome', async () => {
    const publishFile = join(temporaryFolder(), 'result.json');
    const broken = { ...RESULT, certLevel: 1.5 };
    expect(codes(await publish({ publishFile }, broken))).toEqual({ file: 'ERR_PUBLISH_RESULT' });
  });
});

describe('credentials', () => {
  test('token and certificate are sent, as their files are at that time', async () => {
    const { url, ca, received } = await startServer();
    const folder = temporaryFolder();
    const [publishToken, publishCert, publishKey] = ['token', 'cert.pem', 'key.pem'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    const own = await ca.issue({ commonName: 'verifier-1', extendedKeyUsage: ['clientAuth'] });
    writeFileSync(publishToken, ' first-token==\n');
    writeFileSync(publishCert, own.chainPem);
    writeFileSync(publishKey, own.privateKeyPem);
    const publisher = createPublisher({
      publishResults: url,
      publishToken,
      publishCert,
      publishKey,
      roots: [ca.pem],
    });
    await publisher.publish(RESULT);
    writeFileSync(publishToken, 'second');
    await publisher.publish(RESULT);
    expect(received.map(({ headers, client }) => [headers.authorization, client])).toEqual([
      ['Bearer first-token==', 'verifier-1'],
      ['Bearer second', 'verifier-1'],
    ]);
  });

  test.each([
    ['missing', undefined],
    ['of two lines', 'a\r\nX-Other: b'],
    ['empty', '\n'],
    ['huge', 'a'.repeat(100_000)],
  ])('nothing is sent when the token is %s', async (_, content) => {
    const { url, ca, received } = await startServer();
    const folder = temporaryFolder();
    const publishToken = join(folder, 'token');
    if (content !== undefined) writeFileSync(publishToken, content);
    const publishFile = join(folder, 'result.json');
    const outcomes = await publish({
      publishFile,
      publishResults: url,
      publishNetwork: url,
      publishToken,
      roots: [ca.pem],
    });
    expect(codes(outcomes)).toEqual({
      file: undefined,
      results: 'ERR_PUBLISH_CREDENTIALS',
      network: 'ERR_PUBLISH_CREDENTIALS',
    });
    expect(received).toEqual([]);
    const messages = outcomes.map(({ error }) => `${error?.message}`).join();
    expect(messages).not.toContain('X-Other');
  });

  test('nothing is sent when the key is of another certificate', async () => {
    const { url, ca, received } = await startServer();
    const folder = temporaryFolder();
    const [own, other] = await Promise.all([ca.issue(), ca.issue()]);
    writeFileSync(join(folder, 'cert'), own.chainPem);
    writeFileSync(join(folder, 'key'), other.privateKeyPem);
    const outcomes = await publish({
      publishResults: url,
      publishCert: join(folder, 'cert'),
      publishKey: join(folder, 'key'),
      roots: [ca.pem],
    });
    expect(codes(outcomes)).toEqual({ results: 'ERR_PUBLISH_CREDENTIALS' });
    expect(received).toEqual([]);
  });
});

describe('servers', () => {
  test.each([
    [200, undefined],
    [201, undefined],
    [202, 'ERR_PUBLISH_REFUSED'],
    [204, 'ERR_PUBLISH_REFUSED'],
    [401, 'ERR_PUBLISH_REFUSED'],
    [500, 'ERR_PUBLISH_REFUSED'],
  ])('%i means %s', async (status, code) => {
    const { url, ca } = await startServer({
      answer: (response) => void response.writeHead(status).end(),
    });
    const [outcome] = await publish({ publishResults: url, roots: [ca.pem] });
    expect(outcome?.error?.code).toBe(code);
    expect(outcome?.error?.status).toBe(code && status);
    expect(outcome?.sent).toBe(code === undefined ? 1 : 0);
  });

  test('redirections are refusals: no other server gets result and token', async () => {
    const other = await startServer();
    const { url } = await startServer({
      ca: other.ca,
      answer: (response) => void response.writeHead(307, { location: other.url }).end(),
    });
    const [outcome] = await publish({ publishResults: url, roots: [other.ca.pem] });
    expect(outcome?.error?.status).toBe(307);
    expect(other.received).toEqual([]);
  });

  test('an answer without end is read to its bound only', async () => {
    const { url, ca } = await startServer({
      answer: (response) => {
        response.writeHead(400);
        const timer = setInterval(() => response.write('\x1b[31mno\n'.repeat(1000)), 1);
        response.on('close', () => clearInterval(timer));
      },
    });
    const [outcome] = await publish({ publishResults: url, roots: [ca.pem] });
    expect(outcome?.error?.code).toBe('ERR_PUBLISH_REFUSED');
    expect(outcome?.error?.message.length).toBeLessThan(1200);
    expect(outcome?.error?.message).not.toMatch(/\p{Cc}/u);
  });

  test('a success without end of its body is a success', async () => {
    const { url, ca } = await startServer({
      answer: (response) => void response.writeHead(200).write('and'),
    });
    expect(await publish({ publishResults: url, roots: [ca.pem] })).toMatchObject([{ sent: 1 }]);
  });

  test('a server that says nothing is given up in time', async () => {
    const { url, ca } = await startServer({ answer: () => undefined });
    const outcomes = await publish({ publishResults: url, roots: [ca.pem], timeoutMs: 200 });
    expect(codes(outcomes)).toEqual({ results: 'ERR_PUBLISH_TIMEOUT' });
  });

  test('a server that does not end its refusal is given up in time', async () => {
    const { url, ca } = await startServer({
      answer: (response) => void response.writeHead(500).write('wait'),
    });
    const outcomes = await publish({ publishResults: url, roots: [ca.pem], timeoutMs: 300 });
    expect(codes(outcomes)).toEqual({ results: 'ERR_PUBLISH_TIMEOUT' });
  });

  test('a server without TLS handshake is given up in time', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    const outcomes = await publish({
      publishResults: `https://127.0.0.1:${port}`,
      timeoutMs: 200,
    });
    expect(codes(outcomes)).toEqual({ results: 'ERR_PUBLISH_TIMEOUT' });
  });

  test('the signal of the caller ends it', async () => {
    const { url, ca } = await startServer({ answer: () => undefined });
    const options = { publishResults: url, roots: [ca.pem] };
    const outcomes = await publish(options, RESULT, AbortSignal.timeout(100));
    expect(codes(outcomes)).toEqual({ results: 'ERR_PUBLISH_ABORTED' });
    const early = await publish(options, RESULT, AbortSignal.abort());
    expect(codes(early)).toEqual({ results: 'ERR_PUBLISH_ABORTED' });
  });

  test('one under another authority is not sent anything', async () => {
    const { url, received } = await startServer();
    const outcomes = await publish({ publishResults: url, roots: [createFakeCa().pem] });
    expect(codes(outcomes)).toEqual({ results: 'ERR_PUBLISH_UNAVAILABLE' });
    expect(codes(await publish({ publishResults: url }))).toEqual({
      results: 'ERR_PUBLISH_UNAVAILABLE',
    });
    expect(received).toEqual([]);
  });

  test('on this computer one may do without TLS', async () => {
    const { url, received } = await startServer({ secure: false });
    expect(await publish({ publishResults: url })).toMatchObject([{ sent: 1 }]);
    expect(received).toHaveLength(1);
  });
});

describe('findings', () => {
  const many = (count: number) =>
    resultWith(Array.from({ length: count }, () => UNKNOWN_CONTAINER));

  test('all up to the limit are sent, and the outcome says that there are more', async () => {
    const { url, ca, received } = await startServer();
    const options = { publishOcsf: url, roots: [ca.pem] };
    expect(await publish(options, many(100))).toMatchObject([{ sent: 100 }]);
    const outcomes = await publish(options, many(101));
    expect(outcomes).toMatchObject([{ sent: 100, error: { code: 'ERR_PUBLISH_LIMIT' } }]);
    expect(received).toHaveLength(200);
  });

  test('the first refusal ends them', async () => {
    const { url, ca, received } = await startServer({
      answer: (response, count) => void response.writeHead(count > 10 ? 503 : 201).end(),
    });
    const [outcome] = await publish({ publishOcsf: url, roots: [ca.pem] }, many(60));
    expect(outcome).toMatchObject({ sent: 10, error: { status: 503 } });
    expect(received.length).toBeLessThan(15);
  });
});

describe('createPublisher', () => {
  test.each([
    'http://192.0.2.1/results',
    'http://example.org/results',
    'http://127.0.0.1.example.org/',
    'http://[2001:db8::1]/',
    'ftp://127.0.0.1/',
    'https://user:secret@example.org/',
    'https://example.org/#part',
    'example.org',
    '',
  ])('refuses to send to %j', (publishResults) => {
    expect(() => createPublisher({ publishResults })).toThrow(TypeError);
  });

  test.each([
    'https://example.org/results?key=1',
    'http://127.0.0.1:8080/',
    'http://127.1.2.3/',
    'http://[::1]:8080/',
    'http://localhost:8080/',
  ])('may send to %j', (publishResults) => {
    expect(() => createPublisher({ publishResults })).not.toThrow();
  });

  test('wants certificate and key together', () => {
    expect(() => createPublisher({ publishCert: 'cert.pem' })).toThrow(TypeError);
    expect(() => createPublisher({ publishKey: 'key.pem' })).toThrow(TypeError);
  });

  test('a folder in place of the token is no token', async () => {
    const { url, ca } = await startServer();
    const publishToken = join(temporaryFolder(), 'token');
    mkdirSync(publishToken);
    expect(codes(await publish({ publishResults: url, publishToken, roots: [ca.pem] }))).toEqual({
      results: 'ERR_PUBLISH_CREDENTIALS',
    });
  });
});
