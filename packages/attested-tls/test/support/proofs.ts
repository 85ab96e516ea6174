import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import type { Cmc } from '@cmc/api';
import { createFakeCa, type FakeCa, type IssuedCertificate, type IssueOptions } from '@cmc/testkit';
import { dial, type OurRole, outcomeOf, pairWithRaw, serve } from './ends.ts';
import { type FakeCmc, type FakeCmcOptions, fakeCmc } from './fake-cmc.ts';
import { clientCertificate, serverCertificate } from './pki.ts';
import type { Encoding, RawKeyProof, RawPeer } from './raw-peer.ts';

/** Key proofs, made from their description in the README and with nothing of the package. */
export const PROOF_KEY_ID = 'a key of the daemon';

export const proofRoot: FakeCa = createFakeCa({ commonName: 'CA of daemons' });
export const proofCa: FakeCa = await proofRoot.issueCa({ commonName: 'issuing CA of daemons' });
/** What an end needs to verify proofs. */
export const proofRoots = { keyProofRoots: proofRoot.pem } as const;
/** What an end needs to send them. */
export const keyProof = { keyProof: { keyId: PROOF_KEY_ID } } as const;

/** Names of the TLS ends of the tests. */
const NAMES: Readonly<Record<'client' | 'server', IssueOptions>> = {
  client: { commonName: 'client' },
  server: { commonName: 'server', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] },
};

/** A key of a daemon that may prove for the end with a role. */
export async function proofKey(
  role: 'client' | 'server',
  options: IssueOptions = {},
  issuer: FakeCa = proofCa,
): Promise<IssuedCertificate> {
  return await issuer.issue({ ...NAMES[role], ...options });
}

const HASHES: Readonly<Record<string, string>> = {
  EC256: 'sha256',
  EC384: 'sha384',
  EC521: 'sha512',
  RSA2048: 'sha256',
  'weak-secp256k1': 'sha256',
};

/** A daemon that has a key besides. It signs nothing but what is the digest that it was given. */
export function daemonWith(
  issued: IssuedCertificate,
  { changes = {}, ...options }: FakeCmcOptions & { readonly changes?: Partial<Cmc> } = {},
): FakeCmc {
  const cmc = fakeCmc(options);
  return {
    ...cmc,
    async tlsCert(request, call) {
      cmc.calls.push({ operation: 'tlsCert', request });
      await options.before?.('tlsCert', call);
      if (request.keyId !== PROOF_KEY_ID) throw new Error('no such key');
      return { certificate: issued.chainPem.split(/(?<=-----END CERTIFICATE-----\n)/).map(bytes) };
    },
    async tlsSign(request, call) {
      cmc.calls.push({ operation: 'tlsSign', request });
      await options.before?.('tlsSign', call);
      const { content, hashAlg, message = new Uint8Array() } = request;
      const hash = hashAlg.toLowerCase().replace('-', '');
      if (hash !== HASHES[issued.key.algorithm]) throw new Error(`not a key for ${hashAlg}`);
      if (!createHash(hash).update(message).digest().equals(content)) throw new Error('no digest');
      return { signedContent: new Uint8Array(sign(hash, message, issued.privateKeyPem)) };
    },
    ...changes,
  };
}

/** What a proof is about. */
export interface ProofParts {
  readonly label: string;
  readonly role: string;
  readonly exporter: Uint8Array;
  readonly mode: string;
  /** Certificates, DER. */
  readonly server: Uint8Array;
  readonly client: Uint8Array | undefined;
  /** Of the key that signs, DER. */
  readonly signer: Uint8Array;
}

export function messageOf(parts: ProofParts): Buffer {
  const sized = (part: Uint8Array | string): Buffer[] => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.from(part).length);
    return [length, Buffer.from(part)];
  };
  return Buffer.concat([
    Buffer.from(' '.repeat(64)),
    Buffer.from(`${parts.label}\0`),
    ...sized(parts.role),
    ...sized(parts.exporter),
    ...sized(parts.mode),
    ...sized(spkiHash(parts.server)),
    ...sized(parts.client === undefined ? '' : spkiHash(parts.client)),
    ...sized(spkiHash(parts.signer)),
  ]);
}

/** The end of a connection that proves. */
export type RawEnd = Pick<RawPeer, 'role' | 'exporter'>;

/** What a good proof of a raw peer for its connection is over. */
export function partsOf(raw: RawEnd, issued: IssuedCertificate): ProofParts {
  return {
    label: 'CMC aTLS 1.3.0, key-v1',
    role: raw.role,
    exporter: raw.exporter(raw.role),
    mode: 'none',
    server: serverCertificate.certificate,
    client: clientCertificate.certificate,
    signer: issued.certificate,
  };
}

/** A good proof of a raw peer for its connection, but for some changes. */
export function proofOf(
  raw: RawEnd,
  issued: IssuedCertificate,
  changes: Partial<ProofParts> = {},
): RawKeyProof {
  const message = messageOf({ ...partsOf(raw, issued), ...changes });
  const key = createPrivateKey(issued.privateKeyPem);
  const signature = sign(HASHES[issued.key.algorithm], message, key);
  return { certificates: issued.chain, signature: new Uint8Array(signature) };
}

/** What a verifier of ours says to a proof of a raw peer. */
export async function verdict(
  ours: OurRole,
  make: (raw: RawPeer) => RawKeyProof,
  encoding: Encoding = 'cbor',
  options: Parameters<typeof pairWithRaw>[1] = {},
): Promise<object> {
  const { raw, outcome } = await pairWithRaw(ours, { attest: 'none', ...proofRoots, ...options });
  raw.encoding = encoding;
  raw.send('request', { attest: 3, bindings: ['spki-v1', 'key-v1'] });
  raw.send('response', { keyProof: make(raw) });
  raw.send('complete', { success: true });
  return await outcome;
}

function spkiHash(certificate: Uint8Array): Buffer {
  const { publicKey } = new X509Certificate(certificate);
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export type Options = Parameters<typeof dial>[1] & Parameters<typeof serve>[0];

/** How a connection of ours with ours ends: of the client, then of the server. */
export async function meet(client: Options, server: Options): Promise<readonly object[]> {
  const { port, next } = await serve(server);
  return await Promise.all([outcomeOf(dial(port, client)), next()]);
}

/** Calls that are not for reports, in order. */
export function operationsOf({ calls }: FakeCmc): readonly string[] {
  return calls.map(({ operation }) => operation).filter((name) => name.startsWith('tls'));
}
