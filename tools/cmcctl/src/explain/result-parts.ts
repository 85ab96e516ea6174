import type {
  AttestationResult,
  MetadataResult,
  SignatureResult,
  X509Name,
} from '@cmc/attestationreport';

/** All metadata items of a result. */
export function metadataItems({ metadata }: AttestationResult): readonly MetadataResult[] {
  return [
    metadata.imageDescriptionResult,
    ...(metadata.companyDescriptionResult === undefined ? [] : [metadata.companyDescriptionResult]),
    ...(metadata.manifestResults ?? []),
    ...(metadata.omspSignatureResults ?? []),
    ...(metadata.unknownResults ?? []),
  ].filter(({ type, summary }) => type !== '' || summary.status !== '');
}

/** What a person calls a metadata item. */
export function itemTitle({ type, name = '' }: MetadataResult): string {
  return type === '' ? 'a metadata item' : `${type} ${name}`.trim();
}

/** Every signature that a result tells about, and what was signed. */
export function signaturesOf(
  result: AttestationResult,
): readonly { readonly what: string; readonly signature: SignatureResult }[] {
  return [
    ...metadataItems(result).flatMap((item) =>
      (item.signatureValidation ?? []).map((signature) => ({ what: itemTitle(item), signature })),
    ),
    ...(result.measurements ?? []).map(({ type, signature }) => ({
      what: `the evidence of ${type}`,
      signature,
    })),
  ];
}

/** A name in one line. */
export function nameText({ commonName, organization = [], country = [] }: X509Name): string {
  return [commonName, ...organization, ...country].filter(Boolean).join(', ') || 'no name';
}
