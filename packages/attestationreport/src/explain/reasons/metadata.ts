import type { Reason } from '../reason.ts';

export type MetadataReasonId =
  | 'metadata-incomplete'
  | 'metadata-unreadable'
  | 'metadata-expired'
  | 'metadata-not-yet-valid'
  | 'time-malformed'
  | 'validity-missing'
  | 'metadata-rolled-back'
  | 'metadata-duplicate'
  | 'metadata-unknown-type'
  | 'image-description-missing'
  | 'root-manifest-missing'
  | 'root-manifest-multiple'
  | 'manifest-missing'
  | 'manifest-not-described'
  | 'base-layer-mismatch'
  | 'reference-anchor'
  | 'reference-missing'
  | 'reference-duplicate'
  | 'reference-malformed'
  | 'reference-mismatch'
  | 'manifest-policy-missing';

/** Reasons about signed metadata: image description, manifests, company description. */
export const METADATA_REASONS: Readonly<Record<MetadataReasonId, Reason>> = Object.freeze({
  'metadata-incomplete': {
    severity: 'error',
    title: 'listed metadata is not there, or is another item',
    meaning: 'The report lists metadata by digest; an item is missing or has another digest.',
    causes: [
      "the verifier's cache of this prover's metadata was lost",
      'the report was changed',
      'there are more items than a report may have',
    ],
    remedy: 'Ask for a report with all metadata (clear the cache of the peer).',
  },
  'metadata-unreadable': {
    severity: 'error',
    title: 'a metadata item cannot be read',
    meaning: 'A signed item is not a JWS or COSE object with metadata in it.',
    causes: ['the file was changed or cut off', 'something else lies in the metadata folder'],
    remedy: 'Sign the item again and put it in the place of the old one.',
  },
  'metadata-expired': {
    severity: 'error',
    title: 'metadata is no longer valid',
    meaning: 'The validity of a signed item is over.',
    causes: ['nobody renewed it in time', "the verifier's clock is ahead"],
    remedy: 'Sign the item anew with a later validity, and update the metadata of the prover.',
  },
  'metadata-not-yet-valid': {
    severity: 'error',
    title: 'metadata is not valid yet',
    meaning: 'The validity of a signed item begins in the future.',
    causes: ['it was rolled out too early', "the verifier's clock is behind"],
    remedy: 'Wait until it is valid, or use the item that is valid now; check the clock.',
  },
  'time-malformed': {
    severity: 'error',
    title: 'a time cannot be read',
    meaning: 'A time in signed metadata is not in the form of RFC 3339.',
    causes: ['the item was written by hand'],
    remedy: 'Write times like 2026-01-31T12:00:00Z and sign the item again.',
  },
  'validity-missing': {
    severity: 'error',
    title: 'metadata does not say how long it is valid',
    meaning: 'A signed item has no validity; without one it would be valid for ever.',
    causes: ['the item was written by hand'],
    remedy: 'Add validity with notBefore and notAfter, and sign the item again.',
  },
  'metadata-rolled-back': {
    severity: 'error',
    title: 'metadata is older than what was accepted before',
    meaning:
      'The verifier remembers the newest version of each item. Whoever offers an older one may want known gaps back.',
    causes: ['the prover has old metadata', 'somebody wants old software accepted again'],
    remedy: 'Update the metadata of the prover (cmcctl update-metadata).',
  },
  'metadata-duplicate': {
    severity: 'error',
    title: 'there are two items where one may be',
    meaning:
      'Two manifests have one name, two descriptions of one manifest have rules, or there are two descriptions of the image or company.',
    causes: ['an old file was left next to the new one'],
    remedy: 'Remove the one that is not meant from the metadata of the prover.',
  },
  'metadata-unknown-type': {
    severity: 'error',
    title: 'metadata is of an unknown type',
    meaning: 'A signed item is none of the kinds that a report may have.',
    causes: ['something else lies in the metadata folder', 'a newer kind of metadata'],
    remedy: 'Remove the item from the metadata of the prover, or update the verifier.',
  },
  'image-description-missing': {
    severity: 'error',
    title: 'there is no image description',
    meaning: 'The image description says which manifests make up a machine; it is not there.',
    causes: ['the prover does not have it', 'it was refused, which a finding of its own says'],
    remedy: 'Sign an image description and put it into the metadata of the prover.',
  },
  'root-manifest-missing': {
    severity: 'error',
    title: 'no manifest is the root',
    meaning: 'Manifests build on each other; the one that builds on itself alone is missing.',
    causes: [
      'the manifest of the platform is not there, or was refused',
      'its baseLayers are wrong',
    ],
    remedy: 'Add the manifest of the platform, whose only base layer is its own name.',
  },
  'root-manifest-multiple': {
    severity: 'error',
    title: 'more than one manifest is a root',
    meaning: 'More than one manifest builds on itself alone, so it is open which one decides.',
    causes: ['manifests of two platforms are there'],
    remedy: 'Keep the manifest of one platform, or correct the baseLayers of the other.',
  },
  'manifest-missing': {
    severity: 'error',
    title: 'a manifest of the image is not there',
    meaning: 'The image description names a manifest that the report does not have.',
    causes: ['the manifest is missing on the prover', 'a name was changed in one of the two'],
    remedy: 'Add the manifest to the metadata of the prover, or correct the image description.',
  },
  'manifest-not-described': {
    severity: 'error',
    title: 'a manifest does not belong to the image',
    meaning: 'The report has a manifest that the image description does not name.',
    causes: ['a manifest too many is on the prover', 'a name was changed in one of the two'],
    remedy: 'Remove the manifest, or name it in the image description.',
  },
  'base-layer-mismatch': {
    severity: 'error',
    title: 'a manifest does not build on the root',
    meaning: 'The base layers of a manifest do not lead to the root manifest.',
    causes: ['a layer between is missing', 'baseLayers has another name'],
    remedy: 'Correct baseLayers and sign the manifest again, or add the missing layer.',
  },
  'reference-anchor': {
    severity: 'error',
    title: 'a reference value belongs to no kind of evidence',
    meaning: 'A component of a manifest does not say what measures it (property cmc.ta).',
    causes: ['the manifest was written by hand'],
    remedy: 'Give the component one property cmc.ta: SW, TPM, SNP, TDX, SGX or IAS.',
  },
  'reference-missing': {
    severity: 'error',
    title: 'there are no reference values',
    meaning: 'Nothing says what the evidence should be, so nothing was compared.',
    causes: ['the manifests of this machine have none for this kind of evidence'],
    remedy: 'Add reference values to a manifest, or disable the driver on the prover.',
  },
  'reference-duplicate': {
    severity: 'error',
    title: 'there are several reference values where one may be',
    meaning: 'One value is measured, and the manifests have more than one for it.',
    causes: ['two manifests have a reference of this kind'],
    remedy: 'Keep one of them.',
  },
  'reference-malformed': {
    severity: 'error',
    title: 'a reference value is not usable',
    meaning: 'A reference component has not the hash or the form that its kind needs.',
    causes: ['the manifest was written by hand', 'another hash algorithm was used'],
    remedy: 'Make the reference value with the tools (mrtool, metatool) and sign again.',
  },
  'reference-mismatch': {
    severity: 'error',
    title: 'a measured value is not the reference value',
    meaning: 'What was measured is something else than what a manifest demands.',
    causes: ['the software was updated and the manifest was not', 'the software was changed'],
    remedy: 'Update the manifest when the change is wanted; otherwise look into the prover.',
  },
  'manifest-policy-missing': {
    severity: 'error',
    title: 'the root manifest has no policy for this evidence',
    meaning: 'The root manifest must say what this kind of hardware has to be like.',
    causes: [
      'the manifest was written for other hardware',
      'an entry for this generation is missing',
    ],
    remedy: 'Add the policy (snpPolicy, tdxPolicy) to the root manifest and sign it again.',
  },
});
