import { readFileSync } from 'node:fs';
import type { PeerCertificate } from 'node:tls';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { fromBase64, fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import type { AttestationMode } from '../src/index.ts';
import { keyProofMessage } from '../src/key-proof.ts';
import { type KeyProofQuestion, keyProofProblem } from '../src/key-proof-problem.ts';
import { codeOf, type OurRole, serve } from './support/ends.ts';
import { ca, clientCertificate, serverCertificate } from './support/pki.ts';
import {
  proofCa,
  proofKey,
  proofOf,
  proofRoot,
  proofRoots,
  type RawEnd,
  verdict,
} from './support/proofs.ts';
import { dialRaw } from './support/raw-peer.ts';

const ROLES: readonly OurRole[] = ['client', 'server'];
const NONE = 3;
const verifying = { attest: 'none', ...proofRoots } as const;
const exporters = {
  client: new Uint8Array(32).fill(0xc1),
  server: new Uint8Array(32).fill(0x5e),
};
const endOf = (role: OurRole): RawEnd => ({ role, exporter: (of) => exporters[of] });

function questionOf(role: OurRole): KeyProofQuestion {
  return {
    channel: {
      role,
      mode: 'none',
      identity: {
        exporters,
        certificates: {
          client: clientCertificate.certificate,
          server: serverCertificate.certificate,
        },
      },
    },
    roots: [parseCertificate(proofRoot.certificate)],
    checkServerName: () => undefined,
  };
}

interface KeyVectors {
  readonly root: string;
  readonly cases: readonly {
    readonly key: string;
    readonly role: OurRole;
    readonly mode: AttestationMode;
    readonly clientCertificate: boolean;
    readonly certificate: string;
    readonly message: string;
    readonly signature: string;
  }[];
}
interface SpkiVectors {
  readonly exporters: Readonly<Record<OurRole, string>>;
  readonly certificates: Readonly<Record<OurRole, string>>;
}

describe('vectors made by other programs', () => {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`vectors/${name}`, import.meta.url), 'utf8'));
  const { root, cases } = read('key-v1.json') as KeyVectors;
  const spki = read('spki-v1.json') as SpkiVectors;

  test.each(cases)('$key, $role, mode $mode', async ({ role, mode, ...vector }) => {
    const { client, server } = spki.certificates;
    const channel = {
      role,
      mode,
      identity: {
        exporters: {
          client: fromHex(spki.exporters.client),
          server: fromHex(spki.exporters.server),
        },
        certificates: {
          client: vector.clientCertificate ? fromBase64(client) : undefined,
          server: fromBase64(server),
        },
      },
    };
    const certificate = fromBase64(vector.certificate);
    const message = keyProofMessage(channel, parseCertificate(certificate).spki);
    expect(toHex(message)).toBe(vector.message);
    const proof = { certificates: [certificate], signature: fromBase64(vector.signature) };
    const roots = [parseCertificate(fromBase64(root))];
    const question = { channel, roots, checkServerName: () => undefined };
    expect(await keyProofProblem(proof, question)).toBeUndefined();
  });
});

test.each(ROLES)('a good proof of a %s is refused with any byte of it changed', async (role) => {
  const question = questionOf(role);
  const good = proofOf(endOf(role), await proofKey(role));
  expect(await keyProofProblem(good, question)).toBeUndefined();
  expect(good.certificates).toHaveLength(2);
  const accepted: string[] = [];
  for (let at = 0; at < good.signature.length; at++) {
    const problem = await keyProofProblem(
      { ...good, signature: flipped(good.signature, at) },
      question,
    );
    if (problem === undefined) accepted.push(`signature ${at}`);
  }
  for (const [which, whole] of good.certificates.entries()) {
    for (let at = 0; at < whole.length; at++) {
      const certificates = good.certificates.with(which, flipped(whole, at));
      const problem = await keyProofProblem({ ...good, certificates }, question);
      if (problem === undefined) accepted.push(`certificate ${which}: ${at}`);
    }
  }
  expect(accepted).toEqual([]);
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 0x01 : byte));
}

describe('the name in the certificate of a proof', () => {
  test.each([
    ['host', { dnsNames: ['elsewhere'], ipAddresses: [] }],
    ['address', { dnsNames: ['localhost'], ipAddresses: ['127.0.0.2'] }],
    ['name at all', { dnsNames: [], ipAddresses: [] }],
  ])('of a server with another %s is refused by clients', async (_what, names) => {
    const other = await proofKey('server', names);
    const end = await verdict('client', (raw) => proofOf(raw, other));
    expect(codeOf(end)).toBe('ERR_ATLS_KEY_PROOF');
  });

  test('of a server is checked against servername where that is given', async () => {
    const named = await proofKey('server', { dnsNames: ['localhost'], ipAddresses: [] });
    const byName = { servername: 'localhost' };
    const [good, bad] = [
      await verdict('client', (raw) => proofOf(raw, named), 'cbor', byName),
      await verdict('client', (raw) => proofOf(raw, named)),
    ];
    expect([good, bad].map(codeOf)).toEqual(['connected', 'ERR_ATLS_KEY_PROOF']);
  });

  test('of a server is checked by checkServerIdentity where that is given', async () => {
    const other = await proofKey('server', { commonName: 'svc', dnsNames: ['elsewhere'] });
    const asked: unknown[] = [];
    const checkServerIdentity = (host: string, { subject }: PeerCertificate): undefined => {
      asked.push([host, subject.CN]);
    };
    const options = { checkServerIdentity };
    const end = await verdict('client', (raw) => proofOf(raw, other), 'cbor', options);
    expect(codeOf(end)).toBe('connected');
    expect(asked).toEqual([
      ['127.0.0.1', 'server'],
      ['127.0.0.1', 'svc'],
    ]);
  });

  test('of a server is wrong where nobody says which one is meant', async () => {
    const proof = proofOf(endOf('server'), await proofKey('server'));
    const question = { ...questionOf('server'), checkServerName: undefined };
    expect(await keyProofProblem(proof, question)).toBe('the name of the server is not known');
  });

  test.each([
    ['another subject', 'refused', { commonName: 'mallory' }],
    ['a subject with more in it', 'refused', { subject: { organization: 'x' } }],
    ['further alternative names', 'accepted', { dnsNames: ['more'] }],
  ])('of a client with %s than in its TLS certificate is %s', async (_what, expected, names) => {
    // Whoever has stolen the TLS key of a client may have a key of a daemon, too: their own.
    const other = await proofKey('client', names);
    const end = await verdict('server', (raw) => proofOf(raw, other));
    expect(codeOf(end)).toBe(expected === 'accepted' ? 'connected' : 'ERR_ATLS_KEY_PROOF');
  });

  test.each([
    ['the same', 'connected', ['b', 'a'], ['10.0.0.1']],
    ['one less', 'ERR_ATLS_KEY_PROOF', ['a'], ['10.0.0.1']],
    ['another address', 'ERR_ATLS_KEY_PROOF', ['a', 'b'], ['10.0.0.2']],
    ['none', 'ERR_ATLS_KEY_PROOF', [], []],
  ])(
    'of a client whose TLS certificate has alternative names, with %s gives %s',
    async (...row) => {
      const [, code, dnsNames, ipAddresses] = row;
      const tls = await ca.issue({ dnsNames: ['a', 'b'], ipAddresses: ['10.0.0.1'] });
      const proof = await proofCa.issue({ dnsNames, ipAddresses });
      const { server, next } = await serve(verifying);
      const raw = await dialRaw(server, { cert: tls.chainPem, key: tls.privateKeyPem });
      raw.send('request', { attest: NONE });
      raw.send('response', { keyProof: proofOf(raw, proof, { client: tls.certificate }) });
      raw.send('complete', { success: true });
      expect(codeOf(await next())).toBe(code);
      raw.socket.destroy();
    },
  );
});
