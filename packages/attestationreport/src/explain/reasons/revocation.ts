import type { Reason } from '../reason.ts';

export type RevocationReasonId =
  | 'manifest-revoked'
  | 'revocation-unknown'
  | 'manifest-outdated'
  | 'revocation-status-expired'
  | 'revocation-status-not-yet-valid'
  | 'revocation-server-missing'
  | 'vendor-root-not-listed'
  | 'ca-fingerprint-malformed'
  | 'vendor-certificate-revoked'
  | 'vendor-list-unavailable';

/** Reasons about the revocation of manifests (OMSP) and of certificates of hardware vendors. */
export const REVOCATION_REASONS: Readonly<Record<RevocationReasonId, Reason>> = Object.freeze({
  'manifest-revoked': {
    severity: 'error',
    title: 'the manifest is revoked',
    meaning: 'Whoever signed the manifest has withdrawn it: its software is not to be trusted.',
    causes: ['the software has a known gap', 'the manifest was wrong'],
    remedy: 'Update the software of the prover and its manifest.',
  },
  'revocation-unknown': {
    severity: 'error',
    title: 'nothing says that the manifest is not revoked',
    meaning: 'The manifest names a revocation server, but no verified statement of it is there.',
    causes: [
      'the prover could not reach the server',
      'the statement was refused, which a finding of its own says',
      'the server does not know the manifest',
    ],
    remedy:
      'Let the prover reach the server, update its metadata (cmcctl update-metadata), and ask again.',
  },
  'manifest-outdated': {
    severity: 'warning',
    title: 'there is a newer manifest',
    meaning: 'The manifest is still accepted, but its issuer says that a newer one is to be used.',
    causes: ['the prover was not updated yet'],
    remedy: 'Update the software of the prover and its manifest.',
  },
  'revocation-status-expired': {
    severity: 'error',
    title: 'the revocation status is too old',
    meaning: 'The statement about revocation is past its time; a newer one may say otherwise.',
    causes: ['the prover could not reach the server for long', "the verifier's clock is ahead"],
    remedy: 'Let the prover reach the server and update its metadata (cmcctl update-metadata).',
  },
  'revocation-status-not-yet-valid': {
    severity: 'error',
    title: 'the revocation status is from the future',
    meaning: 'The statement about revocation was made later than now.',
    causes: ["the verifier's clock is behind", 'the clock of the server is ahead'],
    remedy: 'Check both clocks.',
  },
  'revocation-server-missing': {
    severity: 'note',
    title: 'the manifest cannot be revoked',
    meaning: 'The manifest names no revocation server, so it could not be checked.',
    causes: ['the manifest was made without omspServer'],
    remedy: 'Add omspServer to the manifest when it should be revocable.',
  },
  'vendor-root-not-listed': {
    severity: 'error',
    title: 'the root of the hardware is not one that is accepted',
    meaning:
      'The certificates of the hardware end at a root that is not pinned, or that the root manifest does not list in caFingerprints.',
    causes: ['caFingerprints is for another generation', 'the certificates are not of the vendor'],
    remedy: 'List the SHA-256 fingerprint of the root of this generation in caFingerprints.',
  },
  'ca-fingerprint-malformed': {
    severity: 'error',
    title: 'a fingerprint in the manifest cannot be read',
    meaning: 'caFingerprints of the root manifest has an entry that is not hexadecimal.',
    causes: ['the manifest was written by hand'],
    remedy: 'Write SHA-256 fingerprints as 64 hex digits without colons, and sign again.',
  },
  'vendor-certificate-revoked': {
    severity: 'error',
    title: 'the revocation list does not clear a certificate',
    meaning: 'A certificate of the hardware is revoked, or no valid list says that it is not.',
    causes: ['the vendor revoked the certificate', 'the list is out of date or of another CA'],
    remedy: 'Fetch current revocation lists; when the certificate is on them, replace the machine.',
  },
  'vendor-list-unavailable': {
    severity: 'error',
    title: 'the revocation list could not be fetched',
    meaning: 'A revocation list of the hardware vendor was not available.',
    causes: ['no connection to the vendor'],
    remedy: 'Let the prover or verifier reach the service of the vendor, or a cache of it.',
  },
});
