import type { TlsKeyConfig } from '@cmc/api';
import type { Signer, WaitOptions } from '@cmc/attestationreport';
import { type Certificate, encodePem, parseCertificate } from '@cmc/attestationreport/x509';
import { DecodeError, equalBytes } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';
import type { Enroller, EnrollmentKey, MakeReport } from './enroller.ts';

/** Certificates in the chain of one key. */
const MAX_CHAIN = 16;
const OID_COMMON_NAME = '2.5.4.3';

export interface EnrollKeyOptions extends WaitOptions {
  readonly enroller: Enroller;
  readonly key: EnrollmentKey;
  readonly signer: Signer;
  readonly config: TlsKeyConfig;
  readonly report: MakeReport;
  /** The chain that is to be replaced. */
  readonly renews?: readonly Certificate[];
  readonly now: () => Date;
}

/** A certificate chain in both forms, leaf first. */
export interface Chain {
  readonly leaf: Certificate;
  readonly certificates: readonly Certificate[];
  /** One certificate each. */
  readonly pem: readonly string[];
}

/**
 * A certificate chain for a key, as it was asked for.
 * @throws {CmcdError} ERR_ENROLL_NAME, ERR_ENROLL_RESPONSE; and what the enroller throws
 */
export async function enrollKey(options: EnrollKeyOptions): Promise<Chain> {
  const { enroller, key, signer, config, report, renews, signal, now } = options;
  const chain = await enroller.enroll(
    {
      key,
      csr: await createRequest(config, signer, options),
      publicKey: signer.publicKey,
      keyConfig: config,
      report,
      ...(renews === undefined ? {} : { renews: renews.map(({ raw }) => raw) }),
    },
    signal === undefined ? {} : { signal },
  );
  const enrolled = readChain(chain);
  await assertWanted(enrolled.leaf, { publicKey: signer.publicKey, config, now: now() });
  const [old] = renews ?? [];
  if (old !== undefined && enrolled.leaf.notAfter <= old.notAfter) {
    throw refused('the certificate is valid no longer than the one that it is to replace');
  }
  return enrolled;
}

/** A chain that was parsed, and not verified. @throws {CmcdError} ERR_ENROLL_RESPONSE */
export function readChain(chain: readonly Uint8Array[]): Chain {
  if (chain.length > MAX_CHAIN) {
    throw refused(`expected at most ${MAX_CHAIN} certificates, got ${chain.length}`);
  }
  try {
    const certificates = chain.map((der) => parseCertificate(der));
    const [leaf] = certificates;
    if (leaf === undefined) throw refused('no certificate');
    return {
      leaf,
      certificates,
      pem: certificates.map(({ raw }) => encodePem(raw, 'CERTIFICATE')),
    };
  } catch (cause) {
    if (cause instanceof DecodeError) throw refused('not a certificate', { cause });
    throw cause;
  }
}

/** What a certificate is for, as the request for its successor has to ask for it. */
export async function configOf(
  leaf: Certificate,
  key: Pick<TlsKeyConfig, 'type' | 'alg'>,
): Promise<TlsKeyConfig> {
  const { dnsNames = [] } = leaf.subjectAlternativeName ?? {};
  return { ...key, cn: commonNameOf(leaf), dnsNames, ipAddresses: await ipAddressesOf(leaf) };
}

/** A certificate request. @throws {CmcdError} ERR_ENROLL_NAME */
async function createRequest(
  { cn, dnsNames, ipAddresses }: TlsKeyConfig,
  signer: Signer,
  { signal }: WaitOptions,
): Promise<Uint8Array> {
  // Most starts of a daemon make no key.
  const { createCsr } = await import('@cmc/est');
  try {
    return await createCsr({
      signer,
      subject: { commonName: cn },
      dnsNames,
      ipAddresses,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw new CmcdError('ERR_ENROLL_NAME', cause.message, { cause });
    }
    throw cause;
  }
}

/** An answer to an enrolment is input: it has to be for the key and the names that were sent. */
async function assertWanted(
  leaf: Certificate,
  wanted: { readonly publicKey: Uint8Array; readonly config: TlsKeyConfig; readonly now: Date },
): Promise<void> {
  const { publicKey, config, now } = wanted;
  if (!equalBytes(leaf.spki, publicKey)) throw refused('the first certificate is for another key');
  if (leaf.notAfter <= now) {
    throw refused(`the certificate expired on ${leaf.notAfter.toISOString()}`);
  }
  const { normalName } = await import('@cmc/est');
  const { dnsNames = [], emailAddresses = [], uris = [] } = leaf.subjectAlternativeName ?? {};
  const got = [...dnsNames, ...(await ipAddressesOf(leaf)), ...emailAddresses, ...uris];
  const expected = [...config.dnsNames, ...config.ipAddresses];
  const sameNames = asText(got.map(normalName)) === asText(expected.map(normalName));
  if (!sameNames || commonNameOf(leaf) !== config.cn) {
    throw refused('the certificate is for other names');
  }
}

async function ipAddressesOf(leaf: Certificate): Promise<readonly string[]> {
  const { ipText } = await import('@cmc/est');
  const { ipAddresses = [] } = leaf.subjectAlternativeName ?? {};
  return ipAddresses.map((octets) => ipText(octets) ?? '');
}

function asText(names: readonly string[]): string {
  return JSON.stringify([...new Set(names)].sort());
}

function commonNameOf({ subjectName }: Certificate): string {
  return subjectName.attributes.find(({ oid }) => oid === OID_COMMON_NAME)?.value ?? '';
}

function refused(problem: string, options?: ErrorOptions): CmcdError {
  return new CmcdError('ERR_ENROLL_RESPONSE', `enrolment: ${problem}`, options);
}
