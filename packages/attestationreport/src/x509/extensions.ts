import { DerReader, Tag } from '../crypto/index.ts';
import { asciiText } from './der-text.ts';

/** An extension as it stands in the certificate. */
export interface CertificateExtension {
  /** Dotted OID. */
  readonly oid: string;
  readonly critical: boolean;
  /** Contents of the OCTET STRING. */
  readonly value: Uint8Array;
}

/** Key usages by their names in RFC 5280, section 4.2.1.3. */
export type KeyUsage =
  | 'digitalSignature'
  | 'contentCommitment'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'certSign'
  | 'crlSign'
  | 'encipherOnly'
  | 'decipherOnly';

export interface BasicConstraints {
  readonly isCa: boolean;
  readonly pathLength?: number;
}

/** Names that a certificate is also for; other kinds of names are left out. */
export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly emailAddresses: readonly string[];
  /** 4 or 16 bytes each. */
  readonly ipAddresses: readonly Uint8Array[];
  readonly uris: readonly string[];
}

/** What is known about the extensions of a certificate; absent where the extension is. */
export interface KnownExtensions {
  readonly basicConstraints?: BasicConstraints;
  readonly keyUsage?: readonly KeyUsage[];
  /** Dotted OIDs. */
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  readonly subjectAlternativeName?: AlternativeNames;
}

/** OIDs of extensions that path validation knows. */
export const ExtensionOid = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** By bit, most significant first. */
export const KEY_USAGES: readonly KeyUsage[] = Object.freeze([
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'certSign',
  'crlSign',
  'encipherOnly',
  'decipherOnly',
]);

const MAX_EXTENSIONS = 64;
const MAX_PATH_LENGTH = 255;

/** The extensions inside of `[3]`; each kind may occur once (RFC 5280, section 4.2). */
export function readExtensions(reader: DerReader): readonly CertificateExtension[] {
  const list = reader.enter(Tag.Sequence, 'extensions');
  reader.end();
  const extensions: CertificateExtension[] = [];
  const seen = new Set<string>();
  do {
    const extension = list.enter(Tag.Sequence, 'extension');
    const oid = extension.oid('extnID');
    if (seen.has(oid)) list.fail('ERR_DECODE_DUPLICATE', `extension ${oid} occurs twice`);
    if (seen.size === MAX_EXTENSIONS) {
      list.fail('ERR_DECODE_LIMIT', `more than ${MAX_EXTENSIONS} extensions`);
    }
    seen.add(oid);
    const critical = extension.peek() === Tag.Boolean && extension.boolean('critical');
    const value = extension.read(Tag.OctetString, 'extnValue');
    extension.end();
    extensions.push({ oid, critical, value });
  } while (!list.done);
  return extensions;
}

/** Decodes the extensions that this package looks into. */
export function decodeKnownExtensions(
  extensions: readonly CertificateExtension[],
): KnownExtensions {
  let known: KnownExtensions = {};
  for (const { oid, value } of extensions) {
    known = { ...known, ...decodeKnownExtension(oid, value) };
  }
  return known;
}

function decodeKnownExtension(oid: string, value: Uint8Array): KnownExtensions {
  switch (oid) {
    case ExtensionOid.basicConstraints:
      return { basicConstraints: whole(value, 'basicConstraints', readBasicConstraints) };
    case ExtensionOid.keyUsage:
      return { keyUsage: whole(value, 'keyUsage', readKeyUsage) };
    case ExtensionOid.extendedKeyUsage:
      return { extendedKeyUsage: whole(value, 'extendedKeyUsage', readExtendedKeyUsage) };
    case ExtensionOid.subjectKeyId:
      return {
        subjectKeyId: whole(value, 'subjectKeyIdentifier', (reader) =>
          reader.read(Tag.OctetString, 'keyIdentifier'),
        ),
      };
    case ExtensionOid.authorityKeyId: {
      const authorityKeyId = whole(value, 'authorityKeyIdentifier', readAuthorityKeyId);
      return authorityKeyId === undefined ? {} : { authorityKeyId };
    }
    case ExtensionOid.subjectAlternativeName:
      return {
        subjectAlternativeName: whole(value, 'subjectAltName', readAlternativeNames),
      };
    default:
      return {};
  }
}

function whole<T>(value: Uint8Array, name: string, read: (reader: DerReader) => T): T {
  const reader = new DerReader(value, name);
  const result = read(reader);
  reader.end();
  return result;
}

function readBasicConstraints(outer: DerReader): BasicConstraints {
  const reader = outer.enter(Tag.Sequence, 'sequence');
  const isCa = reader.peek() === Tag.Boolean && reader.boolean('cA');
  const pathLength = reader.done ? undefined : reader.smallInteger('pathLen', MAX_PATH_LENGTH);
  reader.end();
  return { isCa, ...(pathLength === undefined ? {} : { pathLength }) };
}

function readKeyUsage(reader: DerReader): readonly KeyUsage[] {
  const [unused, ...bytes] = reader.read(Tag.BitString, 'keyUsage');
  if (
    unused === undefined ||
    unused > 7 ||
    (bytes.length === 0 && unused > 0) ||
    bytes.length > 2
  ) {
    reader.fail('ERR_DECODE_VALUE', 'not a BIT STRING of key usages');
  }
  return KEY_USAGES.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

function readExtendedKeyUsage(outer: DerReader): readonly string[] {
  const reader = outer.enter(Tag.Sequence, 'sequence');
  const usages: string[] = [];
  do usages.push(reader.oid('keyPurposeId'));
  while (!reader.done);
  return usages;
}

function readAuthorityKeyId(outer: DerReader): Uint8Array | undefined {
  const reader = outer.enter(Tag.Sequence, 'sequence');
  const id = reader.peek() === 0x80 ? reader.read(0x80, 'keyIdentifier') : undefined;
  while (!reader.done) reader.skip('authorityCert');
  return id;
}

function readAlternativeNames(outer: DerReader): AlternativeNames {
  const reader = outer.enter(Tag.Sequence, 'sequence');
  const names = {
    dnsNames: [] as string[],
    emailAddresses: [] as string[],
    ipAddresses: [] as Uint8Array[],
    uris: [] as string[],
  };
  const text = (tag: number): string => asciiText(reader.read(tag, 'name'), reader, 'name');
  while (!reader.done) {
    switch (reader.peek()) {
      case 0x81:
        names.emailAddresses.push(text(0x81));
        break;
      case 0x82:
        names.dnsNames.push(text(0x82));
        break;
      case 0x86:
        names.uris.push(text(0x86));
        break;
      case 0x87: {
        const address = reader.read(0x87, 'iPAddress');
        if (address.length !== 4 && address.length !== 16) {
          reader.fail('ERR_DECODE_VALUE', `IP address of ${address.length} bytes`);
        }
        names.ipAddresses.push(address);
        break;
      }
      default:
        reader.skip('generalName');
    }
  }
  return names;
}
