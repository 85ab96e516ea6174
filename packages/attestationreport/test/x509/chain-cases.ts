import { encodeUtf8 } from '@cmc/bytes';
import {
  createFakeCa,
  derBoolean,
  derContext,
  derContextPrimitive,
  derNull,
  derSequence,
  type FakeCa,
  type FakeExtension,
  type IssueOptions,
} from '@cmc/testkit';

/** One chain and what is to be said about it. */
export interface ChainCase {
  readonly title: string;
  readonly accept: boolean;
  /** What openssl says where it differs, and why. */
  readonly openssl?: { readonly accept: boolean; readonly why: string };
  readonly make: () => Promise<Chain>;
}

/** Certificates, DER. */
export interface Chain {
  readonly leaf: Uint8Array;
  readonly intermediates: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
}

/** When the chains are verified. */
export const NOW: Date = new Date('2026-06-01T12:00:00Z');
const VALID = {
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};
const EXPIRED = {
  notBefore: new Date('2025-01-01T00:00:00Z'),
  notAfter: new Date('2026-05-31T23:59:59Z'),
};
const FUTURE = {
  notBefore: new Date('2026-07-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};
const UNKNOWN_CRITICAL: FakeExtension = { oid: '1.2.3.4.5', critical: true, value: derNull() };
const NAME_CONSTRAINTS: FakeExtension = {
  oid: '2.5.29.30',
  value: derSequence(derContext(0, derSequence(derContextPrimitive(2, encodeUtf8('example'))))),
};

function root(options: IssueOptions = {}): FakeCa {
  return createFakeCa({ commonName: 'root', ...VALID, ...options });
}

function below(issuer: FakeCa, options: IssueOptions = {}): Promise<FakeCa> {
  return issuer.issueCa({ commonName: 'between', ...VALID, ...options });
}

async function leafOf(issuer: FakeCa, options: IssueOptions = {}): Promise<Uint8Array> {
  return (await issuer.issue({ commonName: 'leaf', ...VALID, ...options })).certificate;
}

// root, one intermediate, leaf
async function three(
  options: { root?: IssueOptions; between?: IssueOptions; leaf?: IssueOptions } = {},
): Promise<Chain> {
  const ca = root(options.root);
  const between = await below(ca, options.between);
  const leaf = await leafOf(between, options.leaf);
  return { leaf, intermediates: [between.certificate], roots: [ca.certificate] };
}

async function deep(intermediateCount: number): Promise<Chain> {
  const ca = root();
  let issuer = ca;
  for (let i = 0; i < intermediateCount; i++) {
    issuer = await below(issuer, { commonName: `between ${i}` });
  }
  return {
    leaf: await leafOf(issuer),
    intermediates: [...issuer.chain].reverse(),
    roots: [ca.certificate],
  };
}

export const CASES: readonly ChainCase[] = [
  {
    title: 'a leaf directly below the root',
    accept: true,
    make: async () => {
      const ca = root();
      return { leaf: await leafOf(ca), intermediates: [], roots: [ca.certificate] };
    },
  },
  { title: 'one intermediate', accept: true, make: () => three() },
  { title: 'three intermediates in the wrong order', accept: true, make: () => deep(3) },
  { title: 'eight certificates', accept: true, make: () => deep(6) },
  {
    title: 'nine certificates',
    accept: false,
    openssl: { accept: true, why: 'a limit of ours' },
    make: () => deep(7),
  },
  { title: 'an expired leaf', accept: false, make: () => three({ leaf: EXPIRED }) },
  { title: 'a leaf from the future', accept: false, make: () => three({ leaf: FUTURE }) },
  { title: 'an expired intermediate', accept: false, make: () => three({ between: EXPIRED }) },
  { title: 'an expired root', accept: false, make: () => three({ root: EXPIRED }) },
  { title: 'a root from the future', accept: false, make: () => three({ root: FUTURE }) },
  {
    title: 'a root of the same name with another key',
    accept: false,
    make: async () => ({ ...(await three()), roots: [root().certificate] }),
  },
  {
    title: 'two roots of one name, one of them right',
    accept: true,
    make: async () => {
      const chain = await three();
      return { ...chain, roots: [root().certificate, ...chain.roots] };
    },
  },
  {
    title: 'a missing intermediate',
    accept: false,
    make: async () => ({ ...(await three()), intermediates: [] }),
  },
  {
    title: 'an expired sibling of the intermediate, listed first',
    accept: true,
    make: async () => {
      const ca = root();
      const between = await below(ca);
      const expired = await below(ca, { key: between.key, ...EXPIRED });
      return {
        leaf: await leafOf(between),
        intermediates: [expired.certificate, between.certificate],
        roots: [ca.certificate],
      };
    },
  },
  {
    title: 'a sibling of the intermediate below an untrusted root, listed first',
    accept: true,
    openssl: { accept: false, why: 'it follows the first path only' },
    make: async () => {
      const ca = root();
      const other = createFakeCa({ commonName: 'other root', ...VALID });
      const between = await below(ca);
      const sibling = await below(other, { key: between.key });
      return {
        leaf: await leafOf(between),
        intermediates: [sibling.certificate, other.certificate, between.certificate],
        roots: [ca.certificate],
      };
    },
  },
  {
    title: 'an intermediate that is not a CA',
    accept: false,
    make: () => three({ between: { isCa: false, basicConstraints: true, keyUsage: ['certSign'] } }),
  },
  {
    title: 'an intermediate without basic constraints',
    accept: false,
    make: () => three({ between: { isCa: false, keyUsage: false } }),
  },
  {
    title: 'an intermediate whose key usage lacks certSign',
    accept: false,
    make: () => three({ between: { keyUsage: ['crlSign', 'digitalSignature'] } }),
  },
  {
    title: 'an intermediate without key usage',
    accept: true,
    make: () => three({ between: { keyUsage: false } }),
  },
  {
    title: 'a root whose key usage lacks certSign',
    accept: false,
    make: () => three({ root: { keyUsage: ['digitalSignature'] } }),
  },
  {
    title: 'a root of version 3 without basic constraints',
    accept: false,
    make: () => three({ root: { isCa: false, keyUsage: false } }),
  },
  {
    title: 'a path length of 0 above the leaf',
    accept: true,
    make: () => three({ between: { pathLength: 0 } }),
  },
  {
    title: 'a path length of 0 above an intermediate',
    accept: false,
    make: () => three({ root: { pathLength: 0 } }),
  },
  {
    title: 'a path length of 1 above an intermediate',
    accept: true,
    make: () => three({ root: { pathLength: 1 } }),
  },
  {
    title: 'an unknown critical extension on the leaf',
    accept: false,
    make: () => three({ leaf: { extensions: [UNKNOWN_CRITICAL] } }),
  },
  {
    title: 'an unknown critical extension on the intermediate',
    accept: false,
    make: () => three({ between: { extensions: [UNKNOWN_CRITICAL] } }),
  },
  {
    title: 'an unknown critical extension on the root',
    accept: false,
    make: () => three({ root: { extensions: [UNKNOWN_CRITICAL] } }),
  },
  {
    title: 'an unknown extension that is not critical',
    accept: true,
    make: () => three({ leaf: { extensions: [{ ...UNKNOWN_CRITICAL, critical: false }] } }),
  },
  {
    title: 'basic constraints twice, first no CA, then CA',
    accept: false,
    make: () =>
      three({
        between: {
          isCa: false,
          basicConstraints: true,
          keyUsage: ['certSign'],
          extensions: [{ oid: '2.5.29.19', critical: true, value: derSequence(derBoolean(true)) }],
        },
      }),
  },
  {
    title: 'name constraints on the intermediate, even if not critical',
    accept: false,
    openssl: { accept: true, why: 'not implemented here, so refused' },
    make: () => three({ between: { extensions: [NAME_CONSTRAINTS] } }),
  },
  { title: 'SHA-1', accept: false, make: () => three({ leaf: { signature: 'SHA-1' } }) },
  {
    title: 'an RSA key of 1024 bits on the intermediate',
    accept: false,
    make: () => three({ between: { keyAlgorithm: 'weak-RSA1024' } }),
  },
  {
    title: 'an RSA key of 1024 bits on the leaf',
    accept: false,
    make: () => three({ leaf: { keyAlgorithm: 'weak-RSA1024' } }),
  },
  {
    title: 'a key on secp256k1 that signs the leaf',
    accept: false,
    openssl: { accept: true, why: 'only NIST curves are accepted here' },
    make: () => three({ between: { keyAlgorithm: 'weak-secp256k1' } }),
  },
  {
    title: 'a changed signature',
    accept: false,
    make: async () => {
      const chain = await three();
      const leaf = chain.leaf.slice();
      leaf[leaf.length - 1] = (leaf.at(-1) ?? 0) ^ 1;
      return { ...chain, leaf };
    },
  },
  {
    title: 'another signature algorithm inside than outside',
    accept: false,
    make: () => three({ leaf: { innerSignature: 'SHA-512' } }),
  },
  {
    title: 'RSA with PKCS#1 signatures',
    accept: true,
    make: () => three({ root: { keyAlgorithm: 'RSA2048' }, between: { keyAlgorithm: 'RSA2048' } }),
  },
  {
    title: 'RSA with PSS signatures',
    accept: true,
    make: () =>
      three({
        root: { keyAlgorithm: 'RSA2048' },
        between: { keyAlgorithm: 'RSA2048', signature: 'PSS-SHA-384' },
        leaf: { signature: 'PSS-SHA-256' },
      }),
  },
  {
    title: 'Ed25519',
    accept: true,
    make: () => three({ root: { keyAlgorithm: 'Ed25519' }, between: { keyAlgorithm: 'Ed25519' } }),
  },
  {
    title: 'P-384 above P-521',
    accept: true,
    make: () => three({ root: { keyAlgorithm: 'EC384' }, between: { keyAlgorithm: 'EC521' } }),
  },
  {
    title: 'SHA-512 with a P-256 key',
    accept: true,
    make: () => three({ leaf: { signature: 'SHA-512' } }),
  },
  { title: 'a root of version 1', accept: true, make: () => three({ root: { version: 1 } }) },
  {
    title: 'an intermediate of version 1',
    accept: false,
    make: () => three({ between: { version: 1 } }),
  },
  {
    title: 'a self-signed leaf that is trusted',
    accept: true,
    make: async () => {
      const ca = root({ isCa: false });
      return { leaf: ca.certificate, intermediates: [], roots: [ca.certificate] };
    },
  },
  {
    title: 'a self-signed leaf that is not trusted',
    accept: false,
    make: async () => ({
      leaf: root({ isCa: false }).certificate,
      intermediates: [],
      roots: [root({ commonName: 'another' }).certificate],
    }),
  },
  {
    title: 'an intermediate as trust anchor',
    accept: true,
    make: async () => {
      const between = await below(root());
      return { leaf: await leafOf(between), intermediates: [], roots: [between.certificate] };
    },
  },
  {
    title: 'an expired intermediate as trust anchor',
    accept: false,
    make: async () => {
      const between = await below(root(), EXPIRED);
      return { leaf: await leafOf(between), intermediates: [], roots: [between.certificate] };
    },
  },
  {
    title: 'two CAs that sign each other and no root',
    accept: false,
    make: async () => {
      const a = createFakeCa({ commonName: 'a', ...VALID });
      const b = createFakeCa({ commonName: 'b', ...VALID });
      const ab = await b.issueCa({ commonName: 'a', key: a.key, ...VALID });
      const ba = await a.issueCa({ commonName: 'b', key: b.key, ...VALID });
      return {
        leaf: await leafOf(a),
        intermediates: [ab.certificate, ba.certificate],
        roots: [root().certificate],
      };
    },
  },
  {
    title: 'a CA certificate as leaf',
    accept: true,
    make: () => three({ leaf: { isCa: true } }),
  },
  {
    title: 'a serial number of zero',
    accept: true,
    make: () => three({ leaf: { serialNumber: Uint8Array.of(0) } }),
  },
  {
    title: 'no key identifiers',
    accept: true,
    make: () =>
      three({
        root: { keyIdentifiers: false },
        between: { keyIdentifiers: false },
        leaf: { keyIdentifiers: false },
      }),
  },
  {
    title: 'a critical subject alternative name',
    accept: true,
    make: () =>
      three({
        leaf: {
          extensions: [
            {
              oid: '2.5.29.17',
              critical: true,
              value: derSequence(derContextPrimitive(2, encodeUtf8('host.example'))),
            },
          ],
        },
      }),
  },
];
