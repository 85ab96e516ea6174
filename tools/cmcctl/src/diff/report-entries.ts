import type { Component, Evidence, UnverifiedReport } from '@cmc/attestationreport';
import { decodeReport, decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { extractPayload, isSignedReport } from '@cmc/attestationreport/sign';
import {
  parseSnpReport,
  productOfReport,
  SNP_REPORT_BYTES,
  type SnpReport,
  snpReportToJson,
} from '@cmc/attestationreport/snp';
import { fingerprint, parseCertificate } from '@cmc/attestationreport/x509';
import { DecodeError, toHex } from '@cmc/bytes';
import type { Entry } from './snapshot.ts';

/** What a report says, unverified. Nonces and signatures are left out: they always differ. */
export function reportEntries(bytes: Uint8Array): readonly Entry[] {
  const report = readReport(bytes);
  return [
    ...eventEntries(report),
    ...metadataEntries(report),
    ...certificateEntries(report),
    ...(report.evidences ?? []).flatMap(platformEntries),
  ];
}

/** The report in `bytes`, whether it is signed as a whole or not. @throws {DecodeError} */
export function readReport(bytes: Uint8Array): UnverifiedReport {
  return decodeReport(isSignedReport(bytes) ? extractPayload(bytes).payload : bytes).report;
}

/** What measured something, from the type of its evidence: `SW`, `TPM`, `SNP`. */
export function anchorOf(evidenceType: string): string {
  return evidenceType.replace(/ Evidence$/, '');
}

/** Launch measurements of SEV-SNP guests, hex. */
export function snpMeasurements({ evidences }: UnverifiedReport): readonly string[] {
  return (evidences ?? []).flatMap((evidence) => {
    const report = readSnp(evidence);
    return typeof report === 'object' ? [toHex(report.measurement)] : [];
  });
}

/** Name of an event: what measured it, its register or log, and how it calls itself. */
export function eventName(anchor: string, index: string | number, name: string): string {
  return `${anchor} ${index} ${name}`;
}

/** Hash of an event, of a container also those of its parts. */
function measuredValue({ hashes = [], ctrData }: Component): string {
  const all = hashes.map(({ alg, content }) => `${alg} ${toHex(content)}`).join(', ');
  if (ctrData === undefined) return all || 'no hash';
  const { configSha256, rootfsSha256 } = ctrData;
  return `${all}, configuration ${toHex(configSha256)}, files ${toHex(rootfsSha256)}`;
}

function eventEntries({ context }: UnverifiedReport): readonly Entry[] {
  return (context.collateral ?? []).flatMap(({ type, artifacts = [] }) =>
    artifacts.flatMap(({ index, events = [] }) =>
      events.map((event): Entry => {
        const name = eventName(anchorOf(type), index, event.name);
        return { section: 'events', name, value: measuredValue(event) };
      }),
    ),
  );
}

function metadataEntries({ context }: UnverifiedReport): readonly Entry[] {
  return (context.digests ?? []).map((digest): Entry => {
    const item = context.metadata?.get(digest);
    const section = 'metadata';
    if (item === undefined) return { section, name: 'not in the report', value: digest };
    const described = attempt(() => decodeStruct(metadataSchema, extractPayload(item).payload));
    const { type, name = '', version = 'none' } = described?.value ?? { type: 'unreadable' };
    return { section, name: `${type} ${name}`.trim(), value: `version ${version}, ${digest}` };
  });
}

function certificateEntries({ context }: UnverifiedReport): readonly Entry[] {
  return (context.collateral ?? []).flatMap(({ type, certs = [] }) =>
    certs.map((der): Entry => {
      const certificate = attempt(() => parseCertificate(der));
      const section = 'certificates';
      if (certificate === undefined) return { section, name: type, value: 'unreadable' };
      const until = certificate.notAfter.toISOString();
      const value = `until ${until}, ${fingerprint(certificate)}`;
      return { section, name: `${type} ${certificate.subject}`, value };
    }),
  );
}

/** Members of SNP reports that say what the platform is; the others are new in each report. */
const PLATFORM: readonly string[] = [
  'version',
  'guestSvn',
  'policy',
  'familyId',
  'imageId',
  'vmpl',
  'currentTcb',
  'platform',
  'signingKey',
  'measurement',
  'hostData',
  'idKeyDigest',
  'authorKeyDigest',
  'reportedTcb',
  'chipId',
  'committedTcb',
  'currentFw',
  'committedFw',
  'launchTcb',
  'launchMitVector',
  'currentMitVector',
];

function readSnp({ type, evidence }: Evidence): SnpReport | 'unreadable' | undefined {
  if (type !== 'SNP Evidence' || evidence === null) return undefined;
  return attempt(() => parseSnpReport(evidence.subarray(0, SNP_REPORT_BYTES))) ?? 'unreadable';
}

function platformEntries(evidence: Evidence): readonly Entry[] {
  const report = readSnp(evidence);
  if (report === undefined) return [];
  if (report === 'unreadable') {
    return [{ section: 'platform', name: evidence.type, value: report }];
  }
  const json = snpReportToJson(report, productOfReport(report) ?? 'Milan');
  return PLATFORM.flatMap((name) => {
    const value = json[name];
    const parts =
      typeof value === 'object' && value !== null ? Object.entries(value) : [['', value] as const];
    return value === undefined
      ? []
      : parts.map(
          ([part, each]): Entry => ({
            section: 'platform',
            name: `SNP ${name} ${part}`.trim(),
            value: String(each),
          }),
        );
  });
}

/** One part that cannot be read does not hide the others. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
