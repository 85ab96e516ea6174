import { createSecureContext } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { connect, createHttpsServer, createServer } from '../src/index.ts';
import { codeOf, dial, outcomeOf, serve } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { clientIdentity, serverIdentity, trusted } from './support/pki.ts';

const cmc = fakeCmc();
const client = { port: 1, ...clientIdentity, ...trusted, cmc };
const server = { ...serverIdentity, ...trusted, cmc };

describe('R40 options that contradict full handshakes of TLS 1.3 are refused', () => {
  test.each([
    ['minVersion', 'TLSv1.2'],
    ['maxVersion', 'TLSv1.2'],
    ['secureProtocol', 'TLSv1_2_method'],
    ['ticketKeys', Buffer.alloc(48)],
    ['session', Buffer.alloc(1)],
    ['pskCallback', () => null],
    ['onread', { buffer: Buffer.alloc(1), callback: () => true }],
  ])('%s', (name, value) => {
    const changed = { [name]: value };
    expect(() => connect({ ...client, ...changed })).toThrow(TypeError);
    expect(() => createServer({ ...server, ...changed })).toThrow(TypeError);
    expect(() => createHttpsServer({ ...server, ...changed })).toThrow(TypeError);
  });

  test('the same said in other words is accepted', async () => {
    const same = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', session: undefined } as const;
    const { port } = await serve(same);
    expect(codeOf(await outcomeOf(dial(port, same)))).toBe('connected');
  });

  test('a secure context of the application is accepted', async () => {
    const secureContext = createSecureContext({ ...clientIdentity, ...trusted });
    const { port } = await serve();
    const socket = dial(port, { secureContext, cert: undefined, key: undefined, mtls: true });
    expect(codeOf(await outcomeOf(socket))).toBe('connected');
  });

  test('a secure context of the application that speaks 1.2 only connects nowhere', async () => {
    const weak = createSecureContext({ ...clientIdentity, ...trusted, maxVersion: 'TLSv1.2' });
    const { port } = await serve();
    const code = codeOf(await outcomeOf(dial(port, { secureContext: weak })));
    expect(code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });
});

describe('mtls', () => {
  test('needs a certificate at the client', () => {
    expect(() => connect({ port: 1, cmc, mtls: true })).toThrow(TypeError);
    expect(() => connect({ port: 1, cmc, mtls: true, cert: undefined })).toThrow(TypeError);
  });

  test('contradicts requestCert and rejectUnauthorized switched off at the server', () => {
    expect(() => createServer({ ...server, mtls: true, requestCert: false })).toThrow(TypeError);
    expect(() => createServer({ ...server, mtls: true, rejectUnauthorized: false })).toThrow(
      TypeError,
    );
  });
});

describe('options of attestation', () => {
  test.each([
    ['attest', 'both', TypeError],
    ['attest', 0, TypeError],
    ['serialization', 'xml', TypeError],
    ['cmc', undefined, TypeError],
    ['maxFrameBytes', 0, RangeError],
    ['maxFrameBytes', 2 ** 32, RangeError],
    ['maxFrameBytes', 1.5, RangeError],
    ['timeouts', { requestMs: 0 }, RangeError],
  ])('%s: %j is refused', (name, value, error) => {
    expect(() => connect({ ...client, [name]: value })).toThrow(error);
    expect(() => createServer({ ...server, [name]: value })).toThrow(error);
  });

  test('maxFrameBytes limits reports', async () => {
    const { port, next } = await serve({ maxFrameBytes: 4096 });
    const large = dial(port, { cmc: fakeCmc({ padding: 4096 }) });
    const [clientEnd, serverEnd] = await Promise.all([outcomeOf(large), next()]);
    expect(codeOf(clientEnd)).toBe('ERR_ATLS_PEER_REPORTED');
    expect(codeOf(serverEnd)).toBe('ERR_ATLS_LIMIT');
    expect(codeOf(await outcomeOf(dial(port)))).toBe('connected');
  });
});
