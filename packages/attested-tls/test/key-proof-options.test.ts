import { once } from 'node:events';
import { get } from 'node:https';
import { type AddressInfo, connect as connectTcp, type LookupFunction } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Agent, attestationOf, connect, createHttpsServer, createServer } from '../src/index.ts';
import { codeOf, dial, outcomeOf, quick, serve } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { ca, clientIdentity, serverIdentity, trusted } from './support/pki.ts';
import {
  daemonWith,
  keyProof,
  meet,
  operationsOf,
  proofKey,
  proofRoot,
  proofRoots,
} from './support/proofs.ts';

const required = { ...proofRoots, requirePeerKeyProof: true } as const;
const keys = { client: await proofKey('client'), server: await proofKey('server') };

describe('options', () => {
  const client = { port: 1, ...clientIdentity, ...trusted, cmc: fakeCmc() };
  const server = { ...serverIdentity, ...trusted, cmc: fakeCmc() };

  test.each([
    ['a key without id', { keyProof: {} }],
    ['a key with an empty id', { keyProof: { keyId: '' } }],
    ['a key without a daemon', { ...keyProof, cmc: undefined, attest: 'none' }],
    ['roots that are none', { keyProofRoots: 'nonsense' }],
    ['roots that are empty', { keyProofRoots: [] }],
    ['roots of broken DER', { keyProofRoots: proofRoot.certificate.subarray(1) }],
    ['a required proof without roots', { ca: undefined, requirePeerKeyProof: true }],
    ['a required proof with an empty ca', { ca: [], requirePeerKeyProof: true }],
  ])('%s are refused', (_what, options) => {
    expect(() => connect({ ...client, ...(options as object) })).toThrow(TypeError);
    expect(() => createServer({ ...server, ...(options as object) })).toThrow(TypeError);
  });

  test.each([
    ['PEM text', proofRoot.pem],
    ['PEM bytes', Buffer.from(proofRoot.pem)],
    ['DER', proofRoot.certificate],
    ['a list of both', [ca.pem, proofRoot.certificate]],
  ])('roots are taken as %s', async (_form, keyProofRoots) => {
    const cmc = daemonWith(keys.server);
    const options = { keyProofRoots, requirePeerKeyProof: true, attest: 'none' } as const;
    const [end] = await meet(options, { ...keyProof, cmc, attest: 'none' });
    expect(codeOf(end ?? {})).toBe('connected');
  });

  test('a ca that cannot be read here counts when a proof comes, and refuses it', async () => {
    const foreign = `${ca.pem}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n`;
    const options = { ca: foreign, attest: 'none' } as const;
    const cmc = daemonWith(keys.server);
    expect((await meet(options, { attest: 'none' })).map(codeOf)).toEqual([
      'connected',
      'connected',
    ]);
    const [end] = await meet(options, { attest: 'none', ...keyProof, cmc });
    expect(codeOf(end ?? {})).toBe('ERR_ATLS_KEY_PROOF');
  });

  test('setSecureContext changes the roots with ca, and keeps those of keyProofRoots', async () => {
    const proving = { ...keyProof, attest: 'none', cmc: daemonWith(keys.client) } as const;
    const dialed = async (port: number): Promise<object> => await outcomeOf(dial(port, proving));
    const { server, port, next } = await serve({ attest: 'none', requirePeerKeyProof: true });
    const [, before] = await Promise.all([dialed(port), next()]);
    expect(codeOf(before)).toBe('ERR_ATLS_KEY_PROOF');
    server.setSecureContext({ ...serverIdentity, ca: [ca.pem, proofRoot.pem] });
    const [, after] = await Promise.all([dialed(port), next()]);
    expect(codeOf(after)).toBe('connected');
    expect(() => server.setSecureContext(serverIdentity)).toThrow(TypeError);

    const other = await serve({ attest: 'none', ...required });
    other.server.setSecureContext({ ...serverIdentity, ...trusted });
    const [, end] = await Promise.all([dialed(other.port), other.next()]);
    expect(codeOf(end)).toBe('connected');
  });
});

describe('https', () => {
  test('proves keys at both ends, once for a connection that is kept alive', async () => {
    const key = await proofKey('server', { dnsNames: [] });
    const cmc = daemonWith(key);
    const common = { ...keyProof, ...required, timeouts: quick, ...trusted };
    const server = createHttpsServer(
      { ...common, ...serverIdentity, mtls: true, cmc },
      ({ socket }, response) => {
        const { certificate } = attestationOf(socket)?.peerKeyProof ?? {};
        response.end(String(certificate?.length));
      },
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const clientCmc = daemonWith(keys.client);
    const agent = new Agent({ ...common, ...clientIdentity, cmc: clientCmc, keepAlive: true });
    onTestFinished(async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    for (let i = 0; i < 2; i++) {
      const [response] = await once(get({ host: '127.0.0.1', port, agent }), 'response');
      const { socket } = response;
      let body = '';
      for await (const chunk of response) body += chunk;
      expect(body).toBe(String(keys.client.certificate.length));
      expect(attestationOf(socket)?.peerKeyProof).toEqual({
        certificate: key.certificate,
      });
    }
    expect([cmc, clientCmc].map(operationsOf)).toEqual([
      ['tlsCert', 'tlsSign'],
      ['tlsCert', 'tlsSign'],
    ]);
    // The proof is for the name of each request.
    const named = get({ host: '127.0.0.1', port, agent, servername: 'localhost' });
    const [error] = await once(named, 'error');
    expect(error.code).toBe('ERR_ATLS_KEY_PROOF');
  });
});

test('a socket that is there already is proven for the host that it was connected to', async () => {
  const names = { dnsNames: ['localhost', 'elsewhere'], ipAddresses: [] };
  const tls = await ca.issue(names);
  const cmc = daemonWith(await proofKey('server', { ...names, dnsNames: ['elsewhere'] }));
  const identity = { cert: tls.chainPem, key: tls.privateKeyPem };
  const { port } = await serve({ ...keyProof, ...identity, cmc, attest: 'none' });
  const end = async (host: string): Promise<string> => {
    const lookup: LookupFunction = (_name, _options, callback) =>
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    const socket = connectTcp({ host, port, lookup });
    await once(socket, 'connect');
    const options = { ...required, attest: 'none', socket, host: undefined } as const;
    return codeOf(await outcomeOf(dial(port, options)));
  };
  expect(await end('elsewhere')).toBe('connected');
  expect(await end('localhost')).toBe('ERR_ATLS_KEY_PROOF');
});
