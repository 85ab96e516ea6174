import type { ReasonId } from './reason.ts';

/** What a line of the details of an SNP result is about. */
export interface SnpLine {
  readonly id: ReasonId;
  readonly expected?: string;
  readonly got?: string;
}

// Both forms are made in verify/evidence: mismatchText() and comparisonText().
const POLICY_LINE =
  /^(?<field>[^:]+): the policy demands (?<expected>.*), the report says (?<got>.*); to fix it, /s;
const CERTIFICATE_LINE =
  /^(?:[^:]+): (?:the certificate says (?<got>.*), the report (?<expected>.*)|.*); to fix it, fetch /s;

/** Beginnings of field names, the more special ones first. */
const FIELDS: readonly (readonly [string, ReasonId])[] = [
  ['report version', 'snp-report-version'],
  ['firmware', 'snp-firmware'],
  ['TCB ', 'snp-tcb'],
  ['provisional firmware', 'snp-provisional'],
  ['guest policy debug', 'snp-debug'],
  ['guest policy ', 'snp-guest-policy'],
  ['VMPL', 'snp-vmpl'],
  ['guestSvn', 'snp-identity'],
  ['familyId', 'snp-identity'],
  ['imageId', 'snp-identity'],
  ['hostData', 'snp-identity'],
  ['idKeyDigest', 'snp-identity'],
  ['authorKeyDigest', 'snp-identity'],
  ['platform ', 'snp-platform'],
  ['launch mitigations', 'snp-mitigations'],
  ['current mitigations', 'snp-mitigations'],
  ['provider', 'snp-provider'],
  ['generation', 'snp-chip'],
  ['denied generation', 'snp-chip'],
  ['chip', 'snp-chip'],
];

/** The reason and both values of a line; `undefined` when it is no line of an SNP result. */
export function snpLine(text: string): SnpLine | undefined {
  const policy = POLICY_LINE.exec(text)?.groups;
  if (policy !== undefined) {
    const { field = '', expected = '', got = '' } = policy;
    const known = FIELDS.find(([start]) => field.startsWith(start));
    return { id: known?.[1] ?? 'snp-guest-policy', expected, got };
  }
  const certificate = CERTIFICATE_LINE.exec(text)?.groups;
  if (certificate === undefined) return undefined;
  const { expected, got } = certificate;
  return {
    id: 'snp-certificate',
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  };
}
