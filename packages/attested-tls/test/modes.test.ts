import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AttestationMode } from '../src/index.ts';
import { codeOf, dial, outcomeOf, serve } from './support/ends.ts';
import { fakeCmc } from './support/fake-cmc.ts';
import { clientCertificate, serverCertificate } from './support/pki.ts';
import { listenRaw } from './support/raw-peer.ts';

const MODES: readonly AttestationMode[] = ['mutual', 'client', 'server', 'none'];
const WITHOUT_CERTIFICATE = { cert: undefined, key: undefined };

describe.each(MODES)('mode %s', (attest) => {
  for (const mtls of [true, false]) {
    for (const serialization of ['json', 'cbor'] as const) {
      const title = `${mtls ? 'with' : 'without'} client certificate, ${serialization}`;
      test(`attests exactly whom the mode says, ${title}`, async () => {
        const clientCmc = fakeCmc();
        const serverCmc = fakeCmc();
        const { port, next } = await serve({ attest, mtls, serialization, cmc: serverCmc });
        const client = dial(port, {
          attest,
          serialization,
          cmc: clientCmc,
          ...(mtls ? {} : WITHOUT_CERTIFICATE),
        });
        const [clientEnd, serverEnd] = await Promise.all([outcomeOf(client), next()]);

        expect([codeOf(clientEnd), codeOf(serverEnd)]).toEqual(['connected', 'connected']);
        const clientAttests = attest === 'mutual' || attest === 'client';
        const serverAttests = attest === 'mutual' || attest === 'server';
        const operations = (cmc: typeof clientCmc): string[] =>
          cmc.calls.map(({ operation }) => operation).sort();
        expect(operations(clientCmc)).toEqual([
          ...(clientAttests ? ['attest'] : []),
          ...(serverAttests ? ['peerCache', 'verify'] : []),
        ]);
        expect(operations(serverCmc)).toEqual([
          ...(serverAttests ? ['attest'] : []),
          // A client without certificate has no entry in the cache.
          ...(clientAttests && mtls ? ['peerCache'] : []),
          ...(clientAttests ? ['verify'] : []),
        ]);
        expect(client.attestation).toMatchObject({ mode: attest, keyBinding: 'spki-v1' });
        expect(client.attestation?.result?.summary.status).toBe(
          serverAttests ? 'success' : undefined,
        );
      });
    }
  }
});

test.each(MODES.flatMap((a) => MODES.filter((b) => b !== a).map((b) => [a, b] as const)))(
  'R45 refuses a client in mode %s at a server in mode %s, on both sides',
  async (clientMode, serverMode) => {
    const { port, next } = await serve({ attest: serverMode });
    const client = dial(port, { attest: clientMode });
    const [clientEnd, serverEnd] = await Promise.all([outcomeOf(client), next()]);
    expect([codeOf(clientEnd), codeOf(serverEnd)]).toEqual([
      'ERR_ATLS_MODE_MISMATCH',
      'ERR_ATLS_MODE_MISMATCH',
    ]);
  },
);

test('identifies each peer by the digest of its certificate, nobody without one', async () => {
  const { port, next } = await serve({ mtls: false, requestCert: true, rejectUnauthorized: false });
  const named = dial(port);
  const [, serverEnd] = await Promise.all([outcomeOf(named), next()]);
  expect(named.attestation?.peerId).toBe(sha256(serverCertificate.certificate));
  expect(serverEnd).toMatchObject({
    attestation: { peerId: sha256(clientCertificate.certificate) },
  });
  const nameless = dial(port, WITHOUT_CERTIFICATE);
  const [, namelessEnd] = await Promise.all([outcomeOf(nameless), next()]);
  expect(namelessEnd).toMatchObject({ attestation: { peerId: '' } });
});

test('agrees on the client key also when the server does not ask for a certificate', async () => {
  const { port, next } = await serve({ mtls: false, requireBinding: true });
  const client = dial(port, { requireBinding: true });
  const [clientEnd, serverEnd] = await Promise.all([outcomeOf(client), next()]);
  expect([codeOf(clientEnd), codeOf(serverEnd)]).toEqual(['connected', 'connected']);
  expect(client.attestation?.keyBinding).toBe('spki-v1');
});

test('tells the daemon who the peer is, and the result who verified', async () => {
  const cmc = fakeCmc();
  const results: unknown[] = [];
  const policies = Buffer.from('true');
  const { port, next } = await serve({
    cmc,
    policies,
    onResult: (result, peer) => results.push(result.verifier, peer),
  });
  const client = dial(port);
  await Promise.all([outcomeOf(client), next()]);
  const address = `127.0.0.1:${client.localPort}`;
  const id = sha256(clientCertificate.certificate);
  expect(cmc.calls.find(({ operation }) => operation === 'verify')?.request).toMatchObject({
    peer: id,
    peerAddr: address,
    policies,
  });
  expect(results).toEqual([
    { hostname: hostname(), ip: `127.0.0.1:${port}` },
    { role: 'client', id, address },
  ]);
});

test('passes digests that the peer has cached to the daemon that makes the report', async () => {
  const cached = ['ab'.repeat(32), 'cd'.repeat(32)];
  const cmc = fakeCmc();
  const { port, next } = await serve({ cmc });
  const client = dial(port, { cmc: fakeCmc({ cache: cached }) });
  await Promise.all([outcomeOf(client), next()]);
  expect(cmc.calls.find(({ operation }) => operation === 'attest')?.request).toMatchObject({
    cached,
  });
});

test('exchanges reports of 5 MiB in both directions', async () => {
  const large = fakeCmc({ padding: 5 * 1024 * 1024 });
  const { port, next } = await serve({ cmc: large });
  const ends = await Promise.all([outcomeOf(dial(port, { cmc: large })), next()]);
  expect(ends.map(codeOf)).toEqual(['connected', 'connected']);
});

test('sends everything to a peer that lists a cache for a client without certificate', async () => {
  const cmc = fakeCmc();
  const { port, accept, server } = await listenRaw();
  onTestFinished(() => {
    server.close();
  });
  const client = dial(port, { cmc, ...WITHOUT_CERTIFICATE });
  const raw = await accept();
  raw.send('request', { attest: 0, cached: ['ab'.repeat(32)] });
  raw.send('response', { report: raw.report() });
  raw.send('complete', { success: true });
  expect(codeOf(await outcomeOf(client))).toBe('connected');
  expect(cmc.calls.find(({ operation }) => operation === 'attest')?.request).toMatchObject({
    cached: [],
  });
  raw.socket.destroy();
});

function sha256(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
