import { toHex } from '@cmc/bytes';
import { KeyOid } from '../crypto/index.ts';
import type { X509CertExtracted, X509Name } from '../types/result.ts';
import type { Certificate } from './certificate.ts';
import { KEY_USAGES, type KeyUsage } from './extensions.ts';
import type { DistinguishedName } from './name.ts';
import { encodePem } from './pem.ts';

const KEY_USAGE_TEXT: Readonly<Record<KeyUsage, string>> = {
  digitalSignature: 'Digital Signature',
  contentCommitment: 'Content Commitment',
  keyEncipherment: 'Key Encipherment',
  dataEncipherment: 'Data Encipherment',
  keyAgreement: 'Key Agreement',
  certSign: 'Cert Sign',
  crlSign: 'CRL Sign',
  encipherOnly: 'Encipher Only',
  decipherOnly: 'Decipher Only',
};

const EXTENDED_KEY_USAGE_TEXT: ReadonlyMap<string, string> = new Map([
  ['2.5.29.37.0', 'Any'],
  ['1.3.6.1.5.5.7.3.1', 'Server Auth'],
  ['1.3.6.1.5.5.7.3.2', 'Client Auth'],
  ['1.3.6.1.5.5.7.3.3', 'Code Signing'],
  ['1.3.6.1.5.5.7.3.4', 'Email Protection'],
  ['1.3.6.1.5.5.7.3.5', 'IPsec Endsystem'],
  ['1.3.6.1.5.5.7.3.6', 'IPsec Tunnel'],
  ['1.3.6.1.5.5.7.3.7', 'IPsec User'],
  ['1.3.6.1.5.5.7.3.8', 'Time Stamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSP Signing'],
  ['1.3.6.1.4.1.311.10.3.3', 'Microsoft Server Gated Crypto'],
  ['2.16.840.1.113730.4.1', 'Netscape Server Gated Crypto'],
  ['1.3.6.1.4.1.311.2.1.22', 'Microsoft Commercial Code Signing'],
  ['1.3.6.1.4.1.311.61.1.1', 'Microsoft Kernel Code Signing'],
]);

const KEY_TEXT: ReadonlyMap<string, string> = new Map([
  [KeyOid.rsa, 'RSA'],
  [KeyOid.ec, 'ECDSA'],
  [KeyOid.ed25519, 'Ed25519'],
  [KeyOid.dsa, 'DSA'],
]);

type NameList = Exclude<keyof X509Name, 'serialNumber' | 'commonName'>;

const NAME_LISTS: ReadonlyMap<string, NameList> = new Map([
  ['2.5.4.6', 'country'],
  ['2.5.4.10', 'organization'],
  ['2.5.4.11', 'organizationalUnit'],
  ['2.5.4.7', 'locality'],
  ['2.5.4.8', 'province'],
  ['2.5.4.9', 'streetAddress'],
  ['2.5.4.17', 'postalCode'],
]);

/** A certificate in the readable form that attestation results carry. */
export function extractCertificate(certificate: Certificate): X509CertExtracted {
  const { basicConstraints, authorityKeyId, subjectAlternativeName: names } = certificate;
  const usages = certificate.extendedKeyUsage ?? [];
  return {
    version: certificate.version,
    serialNumber: serialText(certificate.serialNumber),
    issuer: extractName(certificate.issuerName),
    subject: extractName(certificate.subjectName),
    validity: {
      notBefore: timeText(certificate.notBefore),
      notAfter: timeText(certificate.notAfter),
    },
    keyUsage: KEY_USAGES.filter((usage) => certificate.keyUsage?.includes(usage)).map(
      (usage) => KEY_USAGE_TEXT[usage],
    ),
    signatureAlgorithm: certificate.signatureAlgorithm.name,
    ...extractPublicKey(certificate),
    pkixExtensions:
      certificate.extensions.length === 0
        ? null
        : certificate.extensions.map(({ oid: id, critical, value }) => ({ id, critical, value })),
    ...list(
      'extKeyUsage',
      usages.flatMap((oid) => EXTENDED_KEY_USAGE_TEXT.get(oid) ?? []),
    ),
    ...list(
      'unknownExtKeyUsage',
      usages.filter((oid) => !EXTENDED_KEY_USAGE_TEXT.has(oid)),
    ),
    basicConstraintsValid: basicConstraints !== undefined,
    ...(basicConstraints?.isCa ? { isCA: true } : {}),
    ...extractPathLength(certificate),
    subjectKeyId: certificate.subjectKeyId ?? new Uint8Array(),
    ...(authorityKeyId === undefined ? {} : { authorityKeyId }),
    ...list('dnsNames', names?.dnsNames ?? []),
    ...list('emailAddresses', names?.emailAddresses ?? []),
    ...list('ipAddresses', (names?.ipAddresses ?? []).map(ipText)),
    ...list('uris', names?.uris ?? []),
  };
}

function list<K extends string, T>(
  key: K,
  values: readonly T[],
): { readonly [P in K]?: readonly T[] } {
  return (values.length === 0 ? {} : { [key]: values }) as { readonly [P in K]?: readonly T[] };
}

function extractName({ attributes }: DistinguishedName): X509Name {
  const lists: { [key in NameList]?: string[] } = {};
  const single: { serialNumber?: string; commonName?: string } = {};
  for (const { oid, value } of attributes) {
    const key = NAME_LISTS.get(oid);
    if (key !== undefined) lists[key] = [...(lists[key] ?? []), value];
    if (oid === '2.5.4.5') single.serialNumber = value;
    if (oid === '2.5.4.3') single.commonName = value;
  }
  return { ...lists, ...single };
}

// A path length of zero is spelled with a flag of its own, a missing one with -1.
function extractPathLength({ basicConstraints }: Certificate): Partial<X509CertExtracted> {
  if (basicConstraints === undefined) return {};
  const length = basicConstraints.pathLength ?? -1;
  return length === 0 ? { maxPathLenZero: true } : { maxPathLen: length };
}

function extractPublicKey(
  certificate: Certificate,
): Pick<X509CertExtracted, 'publicKeyAlgorithm' | 'publicKey'> {
  const publicKeyAlgorithm = KEY_TEXT.get(certificate.publicKeyAlgorithm);
  return publicKeyAlgorithm === undefined
    ? { publicKeyAlgorithm: '0', publicKey: '' }
    : { publicKeyAlgorithm, publicKey: encodePem(certificate.spki, 'PUBLIC KEY') };
}

function serialText(serial: Uint8Array): string {
  const value = BigInt.asIntN(serial.length * 8, BigInt(`0x${toHex(serial)}`));
  return value.toString(16);
}

function timeText(time: Date): string {
  return time.toISOString().replace('T', ' ').replace('.000Z', ' +0000 UTC');
}

function ipText(address: Uint8Array): string {
  const mapped = toHex(address).startsWith('00000000000000000000ffff');
  if (address.length === 4 || mapped) return address.subarray(-4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0)).toString(16),
  );
  // RFC 5952: the first of the longest runs of two or more zero groups becomes "::".
  const runs = groups.map((_, i) => groups.slice(i).findIndex((group) => group !== '0'));
  const lengths = runs.map((run, i) => (run < 0 ? groups.length - i : run));
  const longest = Math.max(...lengths);
  const start = lengths.indexOf(longest);
  if (longest < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + longest).join(':')}`;
}
