import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { AttestationMode } from '../src/index.ts';
import { codeOf, type OurRole, pairWithRaw, quick } from './support/ends.ts';
import { ca } from './support/pki.ts';
import {
  daemonWith,
  keyProof,
  meet,
  type Options,
  operationsOf,
  PROOF_KEY_ID,
  proofKey,
  proofOf,
  proofRoots,
} from './support/proofs.ts';

const MODES: readonly AttestationMode[] = ['mutual', 'client', 'server', 'none'];
const ROLES: readonly OurRole[] = ['client', 'server'];
const required = { ...proofRoots, requirePeerKeyProof: true } as const;
const NONE = 3;

const keys = { client: await proofKey('client'), server: await proofKey('server') };

/** The same, by the role of the prover. */
async function prove(
  role: OurRole,
  prover: Options,
  verifier: Options,
): Promise<{ readonly prover: object; readonly verifier: object }> {
  const [client = {}, server = {}] =
    role === 'client' ? await meet(prover, verifier) : await meet(verifier, prover);
  return role === 'client'
    ? { prover: client, verifier: server }
    : { prover: server, verifier: client };
}

describe.each(MODES)('in mode %s', (attest) => {
  test.each(['json', 'cbor'] as const)('both ends prove a key, in %s', async (serialization) => {
    const common = { attest, serialization, ...keyProof, ...required };
    const [client, server] = await meet(
      { ...common, cmc: daemonWith(keys.client) },
      { ...common, cmc: daemonWith(keys.server) },
    );
    expect(client).toMatchObject({
      attestation: {
        keyProtection: 'bound',
        peerKeyProof: { certificate: keys.server.certificate },
      },
    });
    expect(server).toMatchObject({
      attestation: {
        keyProtection: 'bound',
        peerKeyProof: { certificate: keys.client.certificate },
      },
    });
  });

  test.each(ROLES)('a %s alone proves a key', async (role) => {
    const { prover, verifier } = await prove(
      role,
      { attest, ...keyProof, cmc: daemonWith(keys[role]) },
      { attest, ...required },
    );
    expect([prover, verifier].map(codeOf)).toEqual(['connected', 'connected']);
    expect(prover).toMatchObject({ attestation: { keyProtection: 'bound' } });
    expect(Reflect.get(prover, 'attestation')).not.toHaveProperty('peerKeyProof');
    expect(verifier).toMatchObject({
      attestation: { peerKeyProof: { certificate: keys[role].certificate } },
    });
  });

  test.each(ROLES)('a %s without proof is refused where one is required', async (role) => {
    const { prover, verifier } = await prove(role, { attest }, { attest, ...required });
    expect(verifier).toMatchObject({ code: 'ERR_ATLS_KEY_PROOF' });
    expect(prover).toMatchObject({
      code: 'ERR_ATLS_PEER_REPORTED',
      reason: expect.stringMatching(/^ERR_ATLS_KEY_PROOF: /),
    });
  });
});

describe.each(ROLES)('a %s', (role) => {
  test.each(['EC256', 'EC384', 'EC521', 'RSA2048'] as const)(
    'proves a key of kind %s',
    async (keyAlgorithm) => {
      const key = await proofKey(role, { keyAlgorithm });
      const cmc = daemonWith(key);
      const { verifier } = await prove(
        role,
        { ...keyProof, cmc, attest: 'none' },
        { ...required, attest: 'none' },
      );
      expect(codeOf(verifier)).toBe('connected');
      expect(operationsOf(cmc)).toEqual(['tlsCert', 'tlsSign']);
    },
  );

  test('does not prove to a peer that has no roots to verify it', async () => {
    const cmc = daemonWith(keys[role]);
    const options = {
      attest: 'none',
      ca: undefined,
      mtls: false,
      rejectUnauthorized: false,
    } as const;
    const { prover, verifier } = await prove(role, { ...keyProof, cmc, attest: 'none' }, options);
    expect([prover, verifier].map(codeOf)).toEqual(['connected', 'connected']);
    expect(operationsOf(cmc)).toEqual([]);
    expect(Reflect.get(verifier, 'attestation')).not.toHaveProperty('peerKeyProof');
  });

  test('is believed by the roots of the option ca where there are no others', async () => {
    const cmc = daemonWith(await proofKey(role, {}, ca));
    const { verifier } = await prove(
      role,
      { ...keyProof, cmc, attest: 'none' },
      { attest: 'none', requirePeerKeyProof: true },
    );
    expect(codeOf(verifier)).toBe('connected');
  });

  test('is not believed by the option ca where there are other roots', async () => {
    const cmc = daemonWith(await proofKey(role, {}, ca));
    const { verifier } = await prove(
      role,
      { ...keyProof, cmc, attest: 'none' },
      { attest: 'none', ...proofRoots },
    );
    expect(codeOf(verifier)).toBe('ERR_ATLS_KEY_PROOF');
  });

  test('proves nothing to a peer that does not offer to verify, of before key proofs', async () => {
    const cmc = daemonWith(keys[role]);
    const { raw, outcome } = await pairWithRaw(role, { ...keyProof, cmc, attest: 'none' });
    const [, response] = await raw.handshake(NONE, false);
    expect(response).toEqual({ version: '1.3.0' });
    expect(await outcome).toMatchObject({ attestation: { keyProtection: 'local' } });
    expect(operationsOf(cmc)).toEqual([]);
  });

  test.each(['json', 'cbor'] as const)(
    'sends the proof that the README describes, in %s',
    async (encoding) => {
      const cmc = daemonWith(keys[role]);
      const { raw } = await pairWithRaw(role, {
        ...keyProof,
        cmc,
        attest: 'none',
        serialization: encoding,
      });
      raw.send('request', { attest: NONE, bindings: ['key-v1'] });
      await raw.receive('request');
      const response = await raw.receive('response');
      expect(response?.keyProof?.certificates.map(Buffer.from)).toEqual(
        keys[role].chain.map(Buffer.from),
      );
      expect(cmc.calls.at(-1)?.request).toMatchObject({
        keyId: PROOF_KEY_ID,
        hashAlg: 'SHA-256',
      });
    },
  );

  test.each(['tlsCert', 'tlsSign'])(
    'whose daemon fails in %s says so, at both ends',
    async (failing) => {
      const cmc = daemonWith(keys[role], {
        before: (operation) => {
          if (operation === failing) throw new Error('the key is gone');
        },
      });
      const { prover, verifier } = await prove(role, { ...keyProof, cmc }, proofRoots);
      expect(prover).toMatchObject({ code: 'ERR_ATLS_CMC', cause: { message: 'the key is gone' } });
      expect(verifier).toMatchObject({
        code: 'ERR_ATLS_PEER_REPORTED',
        reason: expect.stringMatching(/^ERR_ATLS_CMC: .*TLS(Cert|Sign)$/),
      });
    },
  );

  test('whose daemon does not sign in time fails at the deadline', async () => {
    const cmc = daemonWith(keys[role], {
      before: async (operation) => {
        if (operation === 'tlsSign') await wait(quick.totalMs, undefined, { ref: false });
      },
    });
    const timeouts = { ...quick, cmcMs: 100 };
    const { prover } = await prove(role, { ...keyProof, cmc, timeouts }, proofRoots);
    expect(prover).toMatchObject({ code: 'ERR_ATLS_CMC', cause: { code: 'ERR_ATLS_TIMEOUT' } });
  });

  test.each([
    ['no certificate', []],
    ['what is no certificate', [Buffer.from('nonsense')]],
    ['a key that signs no proofs', 'Ed25519'],
  ] as const)('whose daemon gives %s does not connect', async (_what, given) => {
    const certificate =
      given === 'Ed25519'
        ? [Buffer.from((await proofKey(role, { keyAlgorithm: 'Ed25519' })).certificatePem)]
        : given;
    const changes = { tlsCert: async () => ({ certificate }) };
    const cmc = daemonWith(keys[role], { changes });
    const { prover } = await prove(role, { ...keyProof, cmc }, proofRoots);
    expect(codeOf(prover)).toBe('ERR_ATLS_CMC');
  });

  test('waits for the signature without standing still, and beside its report', async () => {
    let ticks = 0;
    let running = 0;
    let most = 0;
    const cmc = daemonWith(keys[role], {
      before: async (operation) => {
        if (operation !== 'tlsSign' && operation !== 'attest') return;
        most = Math.max(most, ++running);
        for (let i = 0; i < 10; i++) {
          await wait(5);
          ticks++;
        }
        running--;
      },
    });
    const { prover } = await prove(role, { ...keyProof, cmc }, required);
    expect(codeOf(prover)).toBe('connected');
    expect([ticks, most]).toEqual([20, 2]);
  });
});

test('a client without certificate proves a key, and has no TLS key to protect', async () => {
  const cmc = daemonWith(keys.client);
  const nobody = { cert: undefined, key: undefined, cmc, ...keyProof, attest: 'none' } as const;
  const [client, server] = await meet(nobody, { mtls: false, attest: 'none', ...required });
  expect(Reflect.get(client ?? {}, 'attestation')).not.toHaveProperty('keyProtection');
  expect(server).toMatchObject({
    attestation: { peerKeyProof: { certificate: keys.client.certificate }, peerId: '' },
  });
});

test('a proof that nobody asked for, from a peer that could not have it verified, proves nothing', async () => {
  const options = { attest: 'none', ca: undefined, rejectUnauthorized: false } as const;
  const { raw, outcome } = await pairWithRaw('client', options);
  const request = await raw.receive('request');
  expect(request?.bindings).toEqual(['spki-v1']);
  raw.send('request', { attest: NONE, bindings: ['key-v1'] });
  raw.send('response', { keyProof: proofOf(raw, keys.server) });
  raw.send('complete', { success: true });
  const end = await outcome;
  expect(codeOf(end)).toBe('connected');
  expect(Reflect.get(end, 'attestation')).not.toHaveProperty('peerKeyProof');
});

describe('requireKeyProtection bound', () => {
  const bound = { requireKeyProtection: 'bound' } as const;

  test.each(ROLES.flatMap((role) => MODES.map((mode) => [role, mode] as const)))(
    'of a %s in mode %s needs its report or a proof that the peer takes',
    async (role, attest) => {
      const attests = attest === 'mutual' || attest === role;
      const refused = { code: 'ERR_ATLS_KEY_PROOF', phase: 'request' };
      const byReport = await prove(role, { ...bound, attest }, { attest });
      expect(byReport.prover).toMatchObject(
        attests ? { attestation: { keyProtection: 'bound' } } : refused,
      );
      const proving = { ...bound, ...keyProof, attest, cmc: daemonWith(keys[role]) };
      const byProof = await prove(role, proving, { attest, ...proofRoots });
      expect(byProof.prover).toMatchObject({ attestation: { keyProtection: 'bound' } });
      const { raw, outcome } = await pairWithRaw(role, proving);
      const whole = raw.handshake(
        MODES.indexOf(attest),
        attest === 'mutual' || attest === raw.role,
      );
      expect(await outcome).toMatchObject(
        attests ? { attestation: { keyProtection: 'bound' } } : refused,
      );
      await whole;
    },
  );
});
