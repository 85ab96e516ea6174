import { sign } from 'node:crypto';
import { createFakeCa, type IssuedCertificate, type IssueOptions } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { codeOf, dial, type OurRole, outcomeOf, pairWithRaw, serve } from './support/ends.ts';
import {
  ca,
  clientCertificate,
  otherServerCertificate,
  serverCertificate,
  serverIdentity,
} from './support/pki.ts';
import {
  daemonWith,
  keyProof,
  messageOf,
  type ProofParts,
  partsOf,
  proofCa,
  proofKey,
  proofOf,
  proofRoot,
  proofRoots,
  verdict,
} from './support/proofs.ts';
import { dialRaw, listenRaw, type RawKeyProof, type RawPeer, relay } from './support/raw-peer.ts';

const NONE = 3;
const ROLES: readonly OurRole[] = ['client', 'server'];
const otherOf = (role: OurRole): OurRole => (role === 'client' ? 'server' : 'client');
const verifying = { attest: 'none', ...proofRoots } as const;

const keys = { client: await proofKey('client'), server: await proofKey('server') };
const otherKeys = { client: await proofKey('client'), server: await proofKey('server') };
const stranger = createFakeCa({ commonName: 'CA of nobody' });
const large = await proofCa.issue({
  extensions: [{ oid: '1.3.6.1.4.1.99999.1', value: new Uint8Array(16 * 1024) }],
});
/** Not a CA: what it issues is worth nothing. */
const noCa = await proofRoot.issueCa({ commonName: 'no CA', isCa: false });
const serverOnlyCa = await proofRoot.issueCa({ extendedKeyUsage: ['serverAuth'] });
const clientOnlyCa = await proofRoot.issueCa({ extendedKeyUsage: ['clientAuth'] });

describe.each(ROLES)('our %s', (ours) => {
  const prover = otherOf(ours);
  const key = keys[prover];

  test.each(['json', 'cbor'] as const)('believes a good proof in %s', async (encoding) => {
    const end = await verdict(ours, (raw) => proofOf(raw, key), encoding);
    expect(end).toMatchObject({ attestation: { peerKeyProof: { certificate: key.certificate } } });
  });

  const wrongParts: readonly [string, (raw: RawPeer) => Partial<ProofParts>][] = [
    ['of the other role', () => ({ role: ours })],
    ['over the exporter value of the other role', (raw) => ({ exporter: raw.exporter(ours) })],
    [
      'that is one of the other role in all',
      (raw) => ({ role: ours, exporter: raw.exporter(ours) }),
    ],
    ['for another mode', () => ({ mode: 'mutual' })],
    ['for another TLS key of the server', () => ({ server: otherServerCertificate.certificate })],
    ['for another TLS key of the client', () => ({ client: otherServerCertificate.certificate })],
    ['for a client without TLS key', () => ({ client: undefined })],
    ['that names another key than signed', () => ({ signer: otherKeys[prover].certificate })],
    ['of another version of the text', () => ({ label: 'CMC aTLS 1.3.0, key-v2' })],
    [
      'that is a CertificateVerify of TLS',
      () => ({ label: `TLS 1.3, ${prover} CertificateVerify` }),
    ],
  ];
  test.each(wrongParts)('R41 refuses a proof %s', async (_what, changes) => {
    const end = await verdict(ours, (raw) => proofOf(raw, key, changes(raw)));
    expect(end).toMatchObject({
      code: 'ERR_ATLS_KEY_PROOF',
      message: expect.stringContaining('signature is not one for this connection'),
    });
  });

  test('R41 refuses a proof of an earlier connection between the same ends', async () => {
    let stale: RawKeyProof | undefined;
    const first = await verdict(ours, (raw) => {
      stale = proofOf(raw, key);
      return stale;
    });
    expect(codeOf(first)).toBe('connected');
    const second = await verdict(
      ours,
      () => stale ?? { certificates: [], signature: key.certificate },
    );
    expect(codeOf(second)).toBe('ERR_ATLS_KEY_PROOF');
  });

  test('R41 refuses its own proof, reflected', async () => {
    // Its key may prove for both roles, by the rules of certificates.
    const both = await proofKey('server', { commonName: prover });
    const options = { ...verifying, ...keyProof, cmc: daemonWith(both) };
    const { raw, outcome } = await pairWithRaw(ours, options);
    raw.send('request', { attest: NONE, bindings: ['key-v1'] });
    await raw.receive('request');
    const own = await raw.receive('response');
    raw.send('response', { ...own });
    expect(own?.keyProof?.signature).toBeDefined();
    expect(await outcome).toMatchObject({
      code: 'ERR_ATLS_KEY_PROOF',
      message: expect.stringContaining('signature'),
    });
  });

  const wrongWholes: readonly [string, (raw: RawPeer) => RawKeyProof][] = [
    [
      'signed by another key than certified',
      (raw) => ({
        ...proofOf(raw, otherKeys[prover]),
        certificates: key.chain,
      }),
    ],
    [
      'signed by the TLS key',
      (raw) => ({
        certificates: key.chain,
        signature: proofOf(raw, prover === 'client' ? clientCertificate : serverCertificate, {
          signer: key.certificate,
        }).signature,
      }),
    ],
    [
      'with another hash than the key has',
      (raw) => ({
        certificates: key.chain,
        signature: signedOtherwise(raw, key, 'sha384'),
      }),
    ],
    [
      'with a signature in another form',
      (raw) => ({
        certificates: key.chain,
        signature: signedOtherwise(raw, key, 'sha256', 'ieee-p1363'),
      }),
    ],
    ['without certificate', (raw) => ({ ...proofOf(raw, key), certificates: [] })],
    ['without signature', () => ({ certificates: key.chain, signature: new Uint8Array() })],
    [
      'with what is no certificate',
      (raw) => ({
        ...proofOf(raw, key),
        certificates: [...key.chain, Buffer.from('nonsense')],
      }),
    ],
    [
      'whose certificates do not begin with its own',
      (raw) => ({
        ...proofOf(raw, key),
        certificates: [...key.chain].reverse(),
      }),
    ],
    [
      'without the certificate in between',
      (raw) => ({
        ...proofOf(raw, key),
        certificates: key.chain.slice(0, 1),
      }),
    ],
  ];
  test.each(wrongWholes)('refuses a proof %s', async (_what, make) => {
    expect(codeOf(await verdict(ours, make))).toBe('ERR_ATLS_KEY_PROOF');
  });

  test.each([
    ['nine certificates', { certificates: [...key.chain, ...Array(7).fill(key.chain[1])] }],
    ['a certificate of more than 16 KiB', { certificates: [...key.chain, large.certificate] }],
    ['a signature of 1,025 bytes', { signature: new Uint8Array(1025) }],
  ])('refuses a proof with %s before it looks at it', async (_what, changes) => {
    const end = await verdict(ours, (raw) => ({ ...proofOf(raw, key), ...changes }));
    expect(end).toMatchObject({
      code: 'ERR_ATLS_KEY_PROOF',
      message: expect.stringContaining('at most'),
    });
  });

  const day = 24 * 60 * 60 * 1000;
  const authOf = { client: 'clientAuth', server: 'serverAuth' } as const;
  const wrongKeys: readonly [string, RegExp, IssueOptions, typeof proofCa?][] = [
    ['an expired certificate', /valid until/, { notAfter: new Date(Date.now() - 1000) }],
    ['a certificate of the future', /valid from/, { notBefore: new Date(Date.now() + day) }],
    ['a chain to an unknown root', /no certificate of its issuer/, {}, stranger],
    ['a chain to the root of TLS', /no certificate of its issuer/, {}, ca],
    ['a certificate by one who is no CA', /not a CA/, {}, noCa],
    ['a certificate for the other role', /not one for a/, { extendedKeyUsage: [authOf[ours]] }],
    ['a certificate for code', /not one for a/, { extendedKeyUsage: ['codeSigning'] }],
    [
      'a CA for the other role',
      /not one for a/,
      {},
      ours === 'client' ? clientOnlyCa : serverOnlyCa,
    ],
    ['a certificate that allows no signatures', /key usage/, { keyUsage: ['keyAgreement'] }],
    ['a key that signs no proofs', /of a kind/, { keyAlgorithm: 'Ed25519' }],
    ['a weak key', /of a kind/, { keyAlgorithm: 'weak-secp256k1' }],
  ];
  test.each(wrongKeys)('refuses a proof with %s', async (_what, why, options, issuer) => {
    const wrong = await proofKey(prover, options, issuer);
    const end = await verdict(ours, (raw) => proofOf(raw, wrong));
    expect(end).toMatchObject({ code: 'ERR_ATLS_KEY_PROOF', message: expect.stringMatching(why) });
  });

  test('refuses a wrong proof whether or not one is required, and says so to the peer', async () => {
    for (const requirePeerKeyProof of [true, false]) {
      const { raw, outcome } = await pairWithRaw(ours, { ...verifying, requirePeerKeyProof });
      raw.send('request', { attest: NONE });
      raw.send('response', { keyProof: proofOf(raw, key, { mode: 'mutual' }) });
      expect(codeOf(await outcome)).toBe('ERR_ATLS_KEY_PROOF');
      await raw.receive('request');
      await raw.receive('response');
      expect((await raw.receive('complete'))?.error).toMatch(/^ERR_ATLS_KEY_PROOF: /);
    }
  });
});

function signedOtherwise(
  raw: RawPeer,
  issued: IssuedCertificate,
  hash: string,
  dsaEncoding: 'der' | 'ieee-p1363' = 'der',
): Uint8Array {
  const message = messageOf(partsOf(raw, issued));
  return new Uint8Array(sign(hash, message, { key: issued.privateKeyPem, dsaEncoding }));
}

describe('somebody in the middle with the stolen TLS keys of both ends', () => {
  async function intercept(options: object): Promise<readonly string[]> {
    const proving = { attest: 'none', ...keyProof } as const;
    const victim = await serve({ ...proving, ...options, cmc: daemonWith(keys.server) });
    const middle = await listenRaw({ ...serverIdentity, requestCert: true });
    onTestFinished(() => {
      middle.server.close();
    });
    const client = dial(middle.port, { ...proving, ...options, cmc: daemonWith(keys.client) });
    const towardsClient = await middle.accept();
    const towardsServer = await dialRaw(victim.server);
    relay(towardsClient, towardsServer);
    return (await Promise.all([outcomeOf(client), victim.next()])).map(codeOf);
  }

  test('gets through where nobody verifies anything but TLS', async () => {
    // The roots of proofs are those of TLS, which do not know the keys: so neither end sends a proof.
    const blind = { requireKeyProtection: undefined, keyProof: undefined };
    expect(await intercept(blind)).toEqual(['connected', 'connected']);
  });

  test('R41 cannot pass on the proof of a good server, nor that of a good client', async () => {
    const codes = await intercept({ ...proofRoots, requirePeerKeyProof: true });
    expect(codes).toEqual([
      expect.stringMatching(/^ERR_ATLS_(KEY_PROOF|PEER_REPORTED)$/),
      expect.stringMatching(/^ERR_ATLS_(KEY_PROOF|PEER_REPORTED)$/),
    ]);
    expect(codes).toContain('ERR_ATLS_KEY_PROOF');
  });

  test('cannot leave proofs out where they are required', async () => {
    const middle = await listenRaw({ ...serverIdentity, requestCert: true });
    onTestFinished(() => {
      middle.server.close();
    });
    const client = dial(middle.port, { ...verifying, requirePeerKeyProof: true });
    const raw = await middle.accept();
    const whole = raw.handshake(NONE, false);
    expect(codeOf(await outcomeOf(client))).toBe('ERR_ATLS_KEY_PROOF');
    await whole;
  });
});
