import { createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Cmc } from '@cmc/api';
import { decodeReport, encodeReport } from '@cmc/attestationreport/codec';
import {
  type AttestationMode,
  AttestedTlsError,
  type ConnectOptions,
  connect,
  createServer,
} from '@cmc/attested-tls';
import { createTestbed, type TlsIdentity } from '@cmc/testbed';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createPartyCmc } from './support/in-process.ts';
import {
  forwardTcp,
  mirrorClient,
  mirrorServer,
  rawServer,
  relayTls,
  spkiV1Nonce,
  type TwoFaces,
} from './support/mallory.ts';
import { errorCodesIn, meet, type Outcome } from './support/meet.ts';

const FRESHNESS = 83;
const VERIFY_MEASUREMENT = 67;

const testbed = await createTestbed();
const mallory = await testbed.tlsCa.issue({
  commonName: 'mallory',
  dnsNames: ['localhost'],
  ipAddresses: ['127.0.0.1'],
});
const malloryTls: TlsIdentity = { cert: mallory.chainPem, key: mallory.privateKeyPem };
const ownKeys: TwoFaces = { towardsClient: malloryTls, towardsServer: malloryTls };

async function daemon(name: string): Promise<Cmc> {
  return await createPartyCmc(testbed, await testbed.party(name));
}

function expectStale({ code, error }: Pick<Outcome, 'code' | 'error'>): void {
  expect(code).toBe('ERR_ATLS_PEER_ATTESTATION');
  expect(errorCodesIn(error?.result)).toContain(FRESHNESS);
}

describe('a man in the middle', () => {
  const through = async (mode: AttestationMode, via: (port: number) => Promise<number>) =>
    await meet({
      testbed,
      clientCertificate: true,
      server: { cmc: await daemon('server'), attest: mode },
      client: { cmc: await daemon('client'), attest: mode },
      via,
    });

  test('who passes on TLS as it is changes nothing', async () => {
    const { server, client } = await through('mutual', forwardTcp);
    expect([server.code, client.code]).toStrictEqual(['connected', 'connected']);
  });

  test('who passes on what is inside TLS gets through when nobody attests', async () => {
    const { server, client } = await through('none', (port) => relayTls(testbed, ownKeys, port));
    expect([server.code, client.code]).toStrictEqual(['connected', 'connected']);
  });

  // Even somebody who has the keys of both ends has other TLS sessions than they.
  const faces: [string, TwoFaces][] = [
    ['keys of their own', ownKeys],
    [
      'the keys of both ends',
      { towardsClient: testbed.tls.server, towardsServer: testbed.tls.client },
    ],
  ];
  describe.each(faces)('with %s', (_, identity) => {
    test('R41 cannot pass the report of a server on to a client', async () => {
      const sides = await through('server', (port) => relayTls(testbed, identity, port));
      expectStale(sides.client);
      expect(sides.server).toMatchObject({ code: 'ERR_ATLS_PEER_REPORTED', connections: 0 });
      expect(sides.client).toMatchObject({ connections: 0, received: '' });
    });

    test('R41 cannot pass the report of a client on to a server', async () => {
      const sides = await through('client', (port) => relayTls(testbed, identity, port));
      expectStale(sides.server);
      expect(sides.client).toMatchObject({ code: 'ERR_ATLS_PEER_REPORTED', connections: 0 });
      expect(sides.server).toMatchObject({ connections: 0, received: '' });
    });

    test('R44 cannot pass on the reports of two peers to each other', async () => {
      const { server, client } = await through('mutual', (port) =>
        relayTls(testbed, identity, port),
      );
      expect([server.code, client.code]).toContain('ERR_ATLS_PEER_ATTESTATION');
      for (const side of [server, client]) {
        expect(side).toMatchObject({ connections: 0, received: '' });
        expect(side.verdicts.map(({ summary }) => summary.status)).not.toContain('success');
      }
    });
  });
});

/** How the handshake of a client ends. */
async function dial(port: number, options: Partial<ConnectOptions> = {}) {
  const { tls } = testbed;
  const socket = connect({ host: '127.0.0.1', port, ca: tls.ca, ...options });
  onTestFinished(() => {
    socket.destroy();
  });
  const error = await once(socket, 'secureConnect').then(
    () => undefined,
    (reason: unknown) => reason as AttestedTlsError,
  );
  return { socket, error, code: error?.code ?? 'connected' };
}

describe('a mirror', () => {
  test('R41 that sends back the report of a client is no server', async () => {
    const port = await mirrorServer(testbed);
    expectStale(await dial(port, { ...testbed.tls.client, cmc: await daemon('client') }));
  });

  test('R41 that sends back the report of a client, bound to no key, is no server', async () => {
    const port = await rawServer(testbed, testbed.tls.server, async (peer) => {
      await peer.receive();
      peer.send({ attest: 0 });
      const { report } = await peer.receive();
      peer.send({ report });
      await peer.receive();
    });
    expectStale(await dial(port, { cmc: await daemon('client'), serialization: 'json' }));
  });

  test('R41 that sends back the report of a server is no client', async () => {
    const { tls } = testbed;
    const server = createServer(
      { ...tls.server, ca: tls.ca, mtls: true, cmc: await daemon('server') },
      () => expect.unreachable('a mirror was accepted'),
    );
    const refused = once(server, 'attestationError');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(async () => await new Promise<void>((resolve) => server.close(() => resolve())));
    await mirrorClient(testbed, (server.address() as AddressInfo).port);
    const [error] = await refused;
    expect(error).toBeInstanceOf(AttestedTlsError);
    expectStale({ code: error.code, error });
  });
});

test('R43 an old report with the new nonce in its context is refused', async () => {
  const server = await daemon('server');
  const { report: old } = await server.attest({ nonce: new Uint8Array(32) });
  const { report, serialization } = decodeReport(old);
  const replay: Cmc = {
    ...server,
    attest: async ({ nonce }) => ({
      report: encodeReport({ ...report, context: { ...report.context, nonce } }, serialization),
    }),
  };
  const { client } = await meet({
    testbed,
    clientCertificate: false,
    server: { cmc: replay, attest: 'server' },
    client: { cmc: await daemon('client'), attest: 'server' },
  });
  expect(client.code).toBe('ERR_ATLS_PEER_ATTESTATION');
  // The nonce as such is the right one: it is the evidence that is old.
  const result = client.error?.result;
  expect(result?.freshness.status).toBe('success');
  expect(result?.summary.errorCodes).toContain(VERIFY_MEASUREMENT);
  expect(result?.measurements?.[0]?.freshness.status).toBe('fail');
});

describe('a server that has the daemon make reports as it likes', () => {
  const spkiOf = (pem: string): Uint8Array =>
    createPublicKey(
      new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' }),
    ).export({ type: 'spki', format: 'der' });
  type NonceOf = (exporter: Uint8Array) => Uint8Array;

  /** A server with the certificate of the testbed, mode `server`. */
  const startServer = async (nonceOf: NonceOf, bindings: readonly string[]): Promise<number> => {
    const cmc = await daemon('server');
    return await rawServer(testbed, testbed.tls.server, async (peer) => {
      peer.send({ attest: 2, bindings });
      await peer.receive();
      const { report } = await cmc.attest({ nonce: nonceOf(peer.exporter('server')) });
      peer.send({ report: Buffer.from(report).toString('base64') });
      await peer.receive();
      peer.send({ success: true });
      await peer.receive();
    });
  };
  const dialServer = async (port: number, options: Partial<ConnectOptions> = {}) =>
    await dial(port, {
      cmc: await daemon('client'),
      attest: 'server',
      serialization: 'json',
      ...options,
    });
  const boundTo =
    (pem: string): NonceOf =>
    (exporter) =>
      spkiV1Nonce('server', exporter, 'server', spkiOf(pem));
  const boundToExporter: NonceOf = (exporter) => new Uint8Array(exporter);

  test('R44 is accepted with a report for its own TLS key', async () => {
    const port = await startServer(boundTo(testbed.tls.server.cert), ['spki-v1']);
    const { socket, code } = await dialServer(port);
    expect(code).toBe('connected');
    expect(socket.attestation?.keyBinding).toBe('spki-v1');
  });

  test('R44 is refused with a report for another TLS key', async () => {
    const port = await startServer(boundTo(malloryTls.cert), ['spki-v1']);
    expectStale(await dialServer(port));
  });

  test('R44 is refused with a report for no key, when it has offered spki-v1', async () => {
    const port = await startServer(boundToExporter, ['spki-v1']);
    expectStale(await dialServer(port));
  });

  test('R44 is accepted with a report for no key, unless the client requires spki-v1', async () => {
    const port = await startServer(boundToExporter, []);
    const { socket, code } = await dialServer(port);
    expect(code).toBe('connected');
    expect(socket.attestation?.keyBinding).toBe('exporter');
    expect(await dialServer(port, { requireBinding: true })).toMatchObject({
      code: 'ERR_ATLS_BINDING',
    });
  });
});
