import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromBase64, fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import {
  type ChannelIdentity,
  type KeyBinding,
  peerIdOf,
  readChannelIdentity,
  reportNonces,
} from '../src/channel-binding.ts';
import type { AttestationMode, Role } from '../src/index.ts';
import { codeOf, dial, outcomeOf, pairWithRaw, serve } from './support/ends.ts';
import { fakeCmc, fakeReport } from './support/fake-cmc.ts';
import { clientCertificate, otherServerCertificate, serverCertificate } from './support/pki.ts';

interface SpkiVectors {
  readonly exporters: Readonly<Record<Role, string>>;
  readonly certificates: Readonly<Record<Role, string>>;
  readonly cases: readonly {
    readonly role: Role;
    readonly mode: AttestationMode;
    readonly clientCertificate: boolean;
    readonly preimage: string;
    readonly nonce: string;
  }[];
}

const reportNonce = (
  binding: KeyBinding,
  role: Role,
  mode: AttestationMode,
  channel: ChannelIdentity,
): Uint8Array => reportNonces(binding, mode, channel)[role];

const identity: ChannelIdentity = {
  exporters: { client: new Uint8Array(32).fill(0xc1), server: new Uint8Array(32).fill(0x5e) },
  certificates: { client: clientCertificate.certificate, server: serverCertificate.certificate },
};

describe('nonce of a report', () => {
  test('R41 is the exporter value of the role of the prover without the key binding', () => {
    expect(reportNonce('exporter', 'client', 'mutual', identity)).toEqual(
      identity.exporters.client,
    );
    expect(reportNonce('exporter', 'server', 'mutual', identity)).toEqual(
      identity.exporters.server,
    );
  });

  test('R41 commits with spki-v1 to the bytes that the README says, as computed here anew', () => {
    const spki = (der: Uint8Array): Buffer =>
      createHash('sha256')
        .update(new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' }))
        .digest();
    for (const client of [clientCertificate.certificate, undefined]) {
      const parts = [
        Buffer.from('CMC aTLS 1.3.0 spki-v1'),
        Buffer.from('server'),
        identity.exporters.server,
        Buffer.from('mutual'),
        spki(serverCertificate.certificate),
        client === undefined ? Buffer.alloc(0) : spki(client),
      ];
      const hash = createHash('sha256');
      for (const part of parts) {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(part.length);
        hash.update(length).update(part);
      }
      const certificates = { ...identity.certificates, client };
      const nonce = reportNonce('spki-v1', 'server', 'mutual', { ...identity, certificates });
      expect(toHex(nonce)).toBe(hash.digest('hex'));
    }
  });

  const vectors = JSON.parse(
    readFileSync(new URL('vectors/spki-v1.json', import.meta.url), 'utf8'),
  ) as SpkiVectors;

  test.each(vectors.cases)(
    'agrees with the vector for a $role, mode $mode, client certificate $clientCertificate',
    ({ role, mode, clientCertificate: withClient, preimage, nonce }) => {
      expect(createHash('sha256').update(fromHex(preimage)).digest('hex')).toBe(nonce);
      const { exporters, certificates } = vectors;
      const channel = {
        exporters: { client: fromHex(exporters.client), server: fromHex(exporters.server) },
        certificates: {
          client: withClient ? fromBase64(certificates.client) : undefined,
          server: fromBase64(certificates.server),
        },
      };
      expect(toHex(reportNonce('spki-v1', role, mode, channel))).toBe(nonce);
    },
  );

  test('R41 R44 differs whenever connection, role, mode or a key differs', () => {
    const other = { ...identity.certificates, server: otherServerCertificate.certificate };
    const nonces = [
      reportNonce('spki-v1', 'client', 'mutual', identity),
      reportNonce('spki-v1', 'server', 'mutual', identity),
      reportNonce('exporter', 'client', 'mutual', identity),
      reportNonce('exporter', 'server', 'mutual', identity),
      reportNonce('spki-v1', 'client', 'client', identity),
      reportNonce('spki-v1', 'client', 'mutual', { ...identity, certificates: other }),
      reportNonce('spki-v1', 'client', 'mutual', {
        ...identity,
        certificates: { ...identity.certificates, client: undefined },
      }),
      // Server and client keys exchanged.
      reportNonce('spki-v1', 'client', 'mutual', {
        ...identity,
        certificates: {
          client: serverCertificate.certificate,
          server: clientCertificate.certificate,
        },
      }),
      reportNonce('spki-v1', 'client', 'mutual', {
        ...identity,
        exporters: { ...identity.exporters, client: new Uint8Array(32).fill(0xc2) },
      }),
      // Same exporter value for both roles: the role alone makes a difference.
      reportNonce('spki-v1', 'server', 'mutual', {
        ...identity,
        exporters: { ...identity.exporters, server: identity.exporters.client },
      }),
    ];
    expect(new Set(nonces.map(toHex)).size).toBe(nonces.length);
  });

  test('R08 is new on each connection and for each role', async () => {
    const cmc = fakeCmc();
    const { port, next } = await serve({ cmc });
    for (let i = 0; i < 3; i++) await Promise.all([outcomeOf(dial(port)), next()]);
    const nonces = cmc.calls.flatMap(({ request }) => {
      const nonce: Uint8Array | undefined = Reflect.get(request as object, 'nonce');
      return nonce === undefined ? [] : [toHex(nonce)];
    });
    expect(nonces).toHaveLength(6);
    expect(new Set(nonces).size).toBe(6);
    expect(nonces.every((nonce) => fromHex(nonce).length === 32)).toBe(true);
  });

  test('refuses a certificate that cannot be read', () => {
    const certificates = { ...identity.certificates, server: new Uint8Array(10) };
    expect(() => reportNonce('spki-v1', 'server', 'mutual', { ...identity, certificates })).toThrow(
      expect.objectContaining({ code: 'ERR_ATLS_TLS' }),
    );
  });
});

test('a peer without certificate has no id', () => {
  expect(peerIdOf(undefined)).toBe('');
});

describe('a TLS connection that reports cannot be bound to', () => {
  const socket = {
    getProtocol: () => 'TLSv1.3',
    isSessionReused: () => false,
    getPeerCertificate: () => ({ raw: serverCertificate.certificate }),
    getCertificate: () => ({ raw: clientCertificate.certificate }),
    getSharedSigalgs: () => ['ecdsa'],
    exportKeyingMaterial: () => Buffer.alloc(32),
  };
  const read = (changes: object, role: Role = 'client'): ChannelIdentity =>
    readChannelIdentity({ ...socket, ...changes } as never, role);

  test.each([
    [
      'R42 gives no exporter value',
      'ERR_ATLS_EXPORTER',
      {
        exportKeyingMaterial() {
          throw new Error('not supported');
        },
      },
    ],
    ['R40 was resumed', 'ERR_ATLS_RESUMED', { isSessionReused: () => true }],
    ['R40 is not TLS 1.3', 'ERR_ATLS_TLS', { getProtocol: () => 'TLSv1.2' }],
    ['is closed', 'ERR_ATLS_TLS', { getProtocol: () => null }],
    ['has no server certificate', 'ERR_ATLS_TLS', { getPeerCertificate: () => ({}) }],
  ])('%s: %s', (_, code, changes) => {
    expect(() => read(changes)).toThrow(expect.objectContaining({ code }));
  });

  test('no client certificate counts when the server did not ask for one', () => {
    expect(read({}).certificates.client).toEqual(clientCertificate.certificate);
    expect(read({ getSharedSigalgs: () => [] }).certificates.client).toBeUndefined();
    expect(read({ getCertificate: () => null }).certificates.client).toBeUndefined();
    expect(read({ getPeerCertificate: () => ({}) }, 'server').certificates.client).toBeUndefined();
  });
});

describe.each(['client', 'server'] as const)('our %s and the key binding', (ours) => {
  const ATTEST = 0;
  test.each([
    ['spki-v1', ['spki-v1']],
    ['spki-v1', ['spki-v2', 'spki-v1']],
    ['exporter', []],
    ['exporter', ['spki-v2']],
    ['exporter', undefined],
  ] satisfies [KeyBinding, string[] | undefined][])(
    'uses %s with a peer that offers %j',
    async (binding, bindings) => {
      const cmc = fakeCmc();
      const { raw, outcome } = await pairWithRaw(ours, { cmc });
      const nonceOf = (role: Role): Uint8Array =>
        reportNonce(binding, role, 'mutual' satisfies AttestationMode, {
          exporters: { client: raw.exporter('client'), server: raw.exporter('server') },
          certificates: identity.certificates,
        });
      raw.send('request', { attest: ATTEST, ...(bindings && { bindings }) });
      raw.send('response', { report: fakeReport(nonceOf(raw.role)) });
      raw.send('complete', { success: true });
      expect(await outcome).toMatchObject({ attestation: { keyBinding: binding } });
      expect(cmc.calls).toContainEqual({
        operation: 'attest',
        request: { nonce: nonceOf(ours), cached: [] },
      });
    },
  );

  test('R41 refuses a peer that does not offer it when it is required', async () => {
    const { raw, outcome } = await pairWithRaw(ours, { requireBinding: true });
    raw.send('request', { attest: ATTEST });
    raw.send('response', { report: raw.report() });
    expect(codeOf(await outcome)).toBe('ERR_ATLS_BINDING');
  });

  test('R44 refuses a report that vouches for another TLS key', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    const nonce = reportNonce('spki-v1', raw.role, 'mutual', {
      exporters: { client: raw.exporter('client'), server: raw.exporter('server') },
      certificates: { ...identity.certificates, [raw.role]: otherServerCertificate.certificate },
    });
    raw.send('request', { attest: ATTEST, bindings: ['spki-v1'] });
    raw.send('response', { report: fakeReport(nonce) });
    expect(codeOf(await outcome)).toBe('ERR_ATLS_PEER_ATTESTATION');
  });

  test('R41 refuses a report without the binding that both offered', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.send('request', { attest: ATTEST, bindings: ['spki-v1'] });
    raw.send('response', { report: raw.report() });
    expect(codeOf(await outcome)).toBe('ERR_ATLS_PEER_ATTESTATION');
  });
});
