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
  const [leaf, ...intermediates] = parseCertificates(bytes);
  if (leaf === undefined) throw new CmcError('ERR_DECODE_MISSING', 'there is no certificate');
  const valid = now >= leaf.notBefore && now <= leaf.notAfter;
  const checks: Check[] = [{ id: 'validity', pass: valid }];
  if (settings.roots !== undefined) {
    const texts = await Promise.all(settings.roots.map((path) => readSettingFile(path, 'roots')));
    const roots = texts.flatMap((text) => parsePemCertificates(decodeUtf8(text)));
    const chain = await verifyChain({ leaf, intermediates, roots, now });
    checks.push({ id: 'chain', pass: chain.ok, ...(chain.ok ? {} : { detail: chain.reason }) });
  }
  const passed = checks.every(({ pass }) => pass);
  const accepted = settings.roots === undefined ? 'parse-only' : 'accept';
  const verdict = passed ? accepted : 'reject';
  const outcome = {
    ...(at === undefined ? {} : { archivedAt: at.toISOString() }),
    certificate: { ...fieldsOf(leaf), sha256: fingerprint(leaf) },
    checks,
    verdict,
  };
  const lines = [
    `Subject ${leaf.subject}`,
    `Issuer ${leaf.issuer}`,
    `Valid ${leaf.notBefore.toISOString()} to ${leaf.notAfter.toISOString()}`,
    `SHA-256 ${fingerprint(leaf)}`,
    ...checks.map(({ id, pass, detail }) =>
      `${pass ? 'pass' : 'FAIL'} ${id} ${detail ?? ''}`.trim(),
    ),
    `Verdict ${verdict}${at === undefined ? '' : `, as of ${at.toISOString()}`}`,
  ].map(printable);
  return { exitCode: passed ? EXIT.success : EXIT.attestationFailed, outcome, lines };
}

/** The fields as attestation results show them. */
function fieldsOf(certificate: Certificate): object {
  const json = encodeStruct(x509CertExtractedSchema, extractCertificate(certificate), 'json');
  return JSON.parse(decodeUtf8(json));
}
