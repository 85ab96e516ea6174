import { constants, createHash, randomBytes, sign } from 'node:crypto';
import { encodeUtf8 } from '@cmc/bytes';
import {
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSet,
  derTime,
  derUtf8String,
} from './der.ts';
import { type FakeKey, spkiOf } from './fake-key.ts';

/** Attributes of a distinguished name, written in this order. */
export interface FakeName {
  readonly country?: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly locality?: string;
  readonly province?: string;
  readonly streetAddress?: string;
  readonly postalCode?: string;
  readonly serialNumber?: string;
  readonly commonName?: string;
}

/** Names of key usages, RFC 5280, section 4.2.1.3. */
export type FakeKeyUsage = (typeof KEY_USAGES)[number];

/** Names of extended key usages; dotted OIDs are possible too. */
export type FakeExtendedKeyUsage = keyof typeof EXTENDED_KEY_USAGES | `${number}.${string}`;

/** How a certificate is signed, when not by what fits the issuer's key. */
export type FakeCertificateSignature =
  | 'SHA-1'
  | 'SHA-256'
  | 'SHA-384'
  | 'SHA-512'
  | 'PSS-SHA-256'
  | 'PSS-SHA-384'
  | 'PSS-SHA-512';

/** An extension with its encoded value. */
export interface FakeExtension {
  readonly oid: string;
  readonly critical?: boolean;
  readonly value: Uint8Array;
}

/** What stands in a certificate. Defaults make an ordinary certificate of today. */
export interface FakeCertificateOptions {
  readonly commonName?: string;
  /** Further attributes of the subject. */
  readonly subject?: FakeName;
  readonly dnsNames?: readonly string[];
  /** Dotted IPv4 addresses. */
  readonly ipAddresses?: readonly string[];
  readonly emailAddresses?: readonly string[];
  readonly uris?: readonly string[];
  /** Default: no such extension. */
  readonly extendedKeyUsage?: readonly FakeExtendedKeyUsage[];
  /** Default: certSign and crlSign for a CA, digitalSignature else. `false`: no such extension. */
  readonly keyUsage?: readonly FakeKeyUsage[] | false;
  /** Default: one day ago. */
  readonly notBefore?: Date;
  /** Default: in one year. */
  readonly notAfter?: Date;
  readonly isCa?: boolean;
  readonly pathLength?: number;
  /** `false`: no basicConstraints extension. Default: present in CA certificates only. */
  readonly basicConstraints?: boolean;
  /** Contents of the INTEGER. Default: 16 random bytes, positive. */
  readonly serialNumber?: Uint8Array;
  /** Further extensions, whatever they are: unknown critical ones, duplicates, malformed ones. */
  readonly extensions?: readonly FakeExtension[];
  /** `false`: no subject and authority key identifiers. */
  readonly keyIdentifiers?: boolean;
  /** X.509 version. Default: 3. Versions 1 and 2 have no extensions. */
  readonly version?: 1 | 2 | 3;
  readonly signature?: FakeCertificateSignature;
  /** Another algorithm identifier inside the signed part than outside. */
  readonly innerSignature?: FakeCertificateSignature;
  /** Issuer name, when not that of the issuer. */
  readonly issuer?: FakeName;
}

/** Who signs. */
export interface FakeIssuer {
  readonly name: FakeName;
  readonly key: FakeKey;
}

const KEY_USAGES = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'certSign',
  'crlSign',
  'encipherOnly',
  'decipherOnly',
] as const;

const EXTENDED_KEY_USAGES = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
} as const;

const NAME_ATTRIBUTES: readonly (readonly [keyof FakeName, string])[] = [
  ['country', '2.5.4.6'],
  ['organization', '2.5.4.10'],
  ['organizationalUnit', '2.5.4.11'],
  ['locality', '2.5.4.7'],
  ['province', '2.5.4.8'],
  ['streetAddress', '2.5.4.9'],
  ['postalCode', '2.5.4.17'],
  ['serialNumber', '2.5.4.5'],
  ['commonName', '2.5.4.3'],
];

const DAY_MS = 86_400_000;

/** DER of a certificate for `subjectKey`, signed by `issuer`. */
export function encodeCertificate(
  options: FakeCertificateOptions,
  subjectKey: FakeKey,
  issuer: FakeIssuer,
): Uint8Array {
  const signature = options.signature ?? defaultSignature(issuer.key);
  const now = Date.now();
  const version = options.version ?? 3;
  const extensions = version === 3 ? encodeExtensions(options, subjectKey, issuer) : [];
  const tbs = derSequence(
    ...(version === 1 ? [] : [derContext(0, derInteger(version - 1))]),
    derInteger(options.serialNumber ?? randomSerial()),
    encodeAlgorithm(issuer.key, options.innerSignature ?? signature),
    encodeName(options.issuer ?? issuer.name),
    derSequence(
      derTime(options.notBefore ?? new Date(now - DAY_MS)),
      derTime(options.notAfter ?? new Date(now + 365 * DAY_MS)),
    ),
    encodeName(subjectName(options)),
    spkiOf(subjectKey),
    ...(extensions.length > 0 ? [derContext(3, derSequence(...extensions))] : []),
  );
  return derSequence(
    tbs,
    encodeAlgorithm(issuer.key, signature),
    derBitString(signTbs(tbs, issuer.key, signature)),
  );
}

/** The whole subject name of a certificate. */
export function subjectName(options: FakeCertificateOptions): FakeName {
  const { commonName } = options;
  return { ...options.subject, ...(commonName === undefined ? {} : { commonName }) };
}

/** DER of a distinguished name. */
export function encodeName(name: FakeName): Uint8Array {
  return derSequence(
    ...NAME_ATTRIBUTES.flatMap(([attribute, oid]) => {
      const text = name[attribute];
      if (text === undefined) return [];
      const value = attribute === 'country' ? derPrintableString(text) : derUtf8String(text);
      return [derSet(derSequence(derOid(oid), value))];
    }),
  );
}

function encodeExtensions(
  options: FakeCertificateOptions,
  subjectKey: FakeKey,
  issuer: FakeIssuer,
): readonly Uint8Array[] {
  const isCa = options.isCa ?? false;
  const extensions: FakeExtension[] = [];
  if (options.basicConstraints ?? isCa) {
    const { pathLength } = options;
    const value = derSequence(
      ...(isCa ? [derBoolean(true)] : []),
      ...(pathLength === undefined ? [] : [derInteger(pathLength)]),
    );
    extensions.push({ oid: '2.5.29.19', critical: true, value });
  }
  const usages = options.keyUsage ?? (isCa ? ['certSign', 'crlSign'] : ['digitalSignature']);
  if (usages !== false) {
    extensions.push({ oid: '2.5.29.15', critical: true, value: encodeKeyUsage(usages) });
  }
  if (options.extendedKeyUsage !== undefined) {
    const value = derSequence(...options.extendedKeyUsage.map((use) => derOid(usageOid(use))));
    extensions.push({ oid: '2.5.29.37', value });
  }
  const names = encodeAlternativeNames(options);
  if (names.length > 0) extensions.push({ oid: '2.5.29.17', value: derSequence(...names) });
  if (options.keyIdentifiers ?? true) {
    extensions.push({ oid: '2.5.29.14', value: derOctetString(keyIdentifier(subjectKey)) });
    const value = derSequence(derContextPrimitive(0, keyIdentifier(issuer.key)));
    extensions.push({ oid: '2.5.29.35', value });
  }
  return [...extensions, ...(options.extensions ?? [])].map(({ oid, critical, value }) =>
    derSequence(
      derOid(oid),
      ...(critical === true ? [derBoolean(true)] : []),
      derOctetString(value),
    ),
  );
}

function encodeAlternativeNames(options: FakeCertificateOptions): readonly Uint8Array[] {
  const text = (number: number) => (value: string) =>
    derContextPrimitive(number, encodeUtf8(value));
  return [
    ...(options.dnsNames ?? []).map(text(2)),
    ...(options.emailAddresses ?? []).map(text(1)),
    ...(options.ipAddresses ?? []).map((address) =>
      derContextPrimitive(7, Uint8Array.from(address.split('.').map(Number))),
    ),
    ...(options.uris ?? []).map(text(6)),
  ];
}

function encodeKeyUsage(usages: readonly FakeKeyUsage[]): Uint8Array {
  const bits = KEY_USAGES.map((usage) => usages.includes(usage));
  const last = bits.lastIndexOf(true);
  const bytes = new Uint8Array(Math.ceil((last + 1) / 8));
  bits.forEach((set, bit) => {
    if (set) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  });
  return derBitString(bytes, bytes.length * 8 - (last + 1));
}

function usageOid(usage: FakeExtendedKeyUsage): string {
  return EXTENDED_KEY_USAGES[usage as keyof typeof EXTENDED_KEY_USAGES] ?? usage;
}

function keyIdentifier(key: FakeKey): Uint8Array {
  return new Uint8Array(createHash('sha1').update(spkiOf(key)).digest());
}

function randomSerial(): Uint8Array {
  const serial = new Uint8Array(randomBytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** What signs when nothing is said. */
export function defaultSignature(key: FakeKey): FakeCertificateSignature {
  if (key.algorithm === 'EC384') return 'SHA-384';
  return key.algorithm === 'EC521' ? 'SHA-512' : 'SHA-256';
}

const HASH_OIDS: Readonly<Record<string, string>> = {
  'SHA-256': '2.16.840.1.101.3.4.2.1',
  'SHA-384': '2.16.840.1.101.3.4.2.2',
  'SHA-512': '2.16.840.1.101.3.4.2.3',
};
const RSA_OIDS: Readonly<Record<string, string>> = {
  'SHA-1': '1.2.840.113549.1.1.5',
  'SHA-256': '1.2.840.113549.1.1.11',
  'SHA-384': '1.2.840.113549.1.1.12',
  'SHA-512': '1.2.840.113549.1.1.13',
};
const ECDSA_OIDS: Readonly<Record<string, string>> = {
  'SHA-1': '1.2.840.10045.4.1',
  'SHA-256': '1.2.840.10045.4.3.2',
  'SHA-384': '1.2.840.10045.4.3.3',
  'SHA-512': '1.2.840.10045.4.3.4',
};

/** AlgorithmIdentifier of a signature. */
export function encodeAlgorithm(key: FakeKey, signature: FakeCertificateSignature): Uint8Array {
  if (key.algorithm === 'Ed25519') return derSequence(derOid('1.3.101.112'));
  if (!key.algorithm.includes('RSA')) return derSequence(derOid(ECDSA_OIDS[signature] ?? ''));
  if (!signature.startsWith('PSS-')) {
    return derSequence(derOid(RSA_OIDS[signature] ?? ''), derNull());
  }
  const hash = signature.slice(4);
  const hashAlgorithm = derSequence(derOid(HASH_OIDS[hash] ?? ''), derNull());
  return derSequence(
    derOid('1.2.840.113549.1.1.10'),
    derSequence(
      derContext(0, hashAlgorithm),
      derContext(1, derSequence(derOid('1.2.840.113549.1.1.8'), hashAlgorithm)),
      derContext(2, derInteger(Number(hash.slice(4)) / 8)),
    ),
  );
}

/** Signature over the part of a certificate or list that is signed. */
export function signTbs(
  tbs: Uint8Array,
  key: FakeKey,
  signature: FakeCertificateSignature,
): Uint8Array {
  if (key.algorithm === 'Ed25519') return new Uint8Array(sign(null, tbs, key.privateKey));
  const pss = signature.startsWith('PSS-');
  const hash = signature.replace('PSS-', '').replace('-', '').toLowerCase();
  const padding = pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: -1 } : {};
  return new Uint8Array(sign(hash, tbs, { key: key.privateKey, ...padding }));
}
