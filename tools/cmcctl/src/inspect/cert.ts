import { printable } from '@cmc/attestationreport';
import { encodeStruct, x509CertExtractedSchema } from '@cmc/attestationreport/codec';
import {
  type Certificate,
  extractCertificate,
  fingerprint,
  parsePemCertificates,
  verifyChain,
} from '@cmc/attestationreport/x509';
import { CmcError, decodeUtf8 } from '@cmc/bytes';
import { EXIT, readSettingFile } from '@cmc/host';
import { EK_CERTIFICATE, readEkCertificate, type TpmIdentity } from '@cmc/provserver';
import { trimCertificate } from 'tpm2-ts';
import type { CmcctlSettings } from '../settings.ts';
import { archiveTime } from '../time.ts';
import { parseCertificates } from './certificates.ts';
import type { Inspection } from './index.ts';

interface Check {
  readonly id: 'validity' | 'chain';
  readonly pass: boolean;
  readonly detail?: string;
}

/** The first certificate of a file, DER or PEM; the others help to find its chain. */
export async function inspectCert(
  bytes: Uint8Array,
  settings: CmcctlSettings,
): Promise<Inspection> {
  // Shows what a certificate was worth at a time; nothing is admitted on the strength of it.
  const at = archiveTime({ ...settings, archived: true });
  const now = at ?? new Date();
  // Memory of a TPM has padding behind its certificate, and may have a header in front.
  const trimmed = trimCertificate(bytes) ?? bytes;
  const [leaf, ...intermediates] = parseCertificates(trimmed);
  if (leaf === undefined) throw new CmcError('ERR_DECODE_MISSING', 'there is no certificate');
  const valid = now >= leaf.notBefore && now <= leaf.notAfter;
  const checks: Check[] = [{ id: 'validity', pass: valid }];
  if (settings.roots !== undefined) {
    const texts = await Promise.all(settings.roots.map((path) => readSettingFile(path, 'roots')));
    const roots = texts.flatMap((text) => parsePemCertificates(decodeUtf8(text)));
    const chain = await verifyChain({ leaf, intermediates, roots, now });
    checks.push({ id: 'chain', pass: chain.ok, ...(chain.ok ? {} : { detail: chain.reason }) });
  }
  const endorsement = endorsementOf(leaf);
  const passed = checks.every(({ pass }) => pass);
  const accepted = settings.roots === undefined ? 'parse-only' : 'accept';
  const verdict = passed ? accepted : 'reject';
  const outcome = {
    ...(at === undefined ? {} : { archivedAt: at.toISOString() }),
    ...(trimmed.length === bytes.length ? {} : { paddingBytes: bytes.length - trimmed.length }),
    certificate: { ...fieldsOf(leaf), sha256: fingerprint(leaf) },
    ...(endorsement === undefined ? {} : { endorsement }),
    checks,
    verdict,
  };
  const lines = [
    `Subject ${leaf.subject}`,
    `Issuer ${leaf.issuer}`,
    `Valid ${leaf.notBefore.toISOString()} to ${leaf.notAfter.toISOString()}`,
    `SHA-256 ${fingerprint(leaf)}`,
    ...Object.entries(endorsement ?? {}).map(([name, value]) => `TPM ${name} ${value}`),
    ...checks.map(({ id, pass, detail }) =>
      `${pass ? 'pass' : 'FAIL'} ${id} ${detail ?? ''}`.trim(),
    ),
    `Verdict ${verdict}${at === undefined ? '' : `, as of ${at.toISOString()}`}`,
  ].map(printable);
  return { exitCode: passed ? EXIT.success : EXIT.attestationFailed, outcome, lines };
}

/** Which TPM an endorsement certificate is for, or why a provisioning server would not take it. */
function endorsementOf(
  certificate: Certificate,
): TpmIdentity | { readonly problem: string } | undefined {
  const read = readEkCertificate(certificate);
  if (!('problem' in read)) return read.identity;
  return certificate.extendedKeyUsage?.includes(EK_CERTIFICATE) === true ? read : undefined;
}

/** The fields as attestation results show them. */
function fieldsOf(certificate: Certificate): object {
  const json = encodeStruct(x509CertExtractedSchema, extractCertificate(certificate), 'json');
  return JSON.parse(decodeUtf8(json));
}
