import type { Reason } from '../reason.ts';

export type SignatureReasonId =
  | 'signature-invalid'
  | 'signature-missing'
  | 'signature-order'
  | 'signature-payload'
  | 'signer-untrusted'
  | 'signer-certificate-expired'
  | 'signer-certificate-not-yet-valid'
  | 'signer-unknown'
  | 'certificate-unreadable'
  | 'key-unusable'
  | 'algorithm-unsupported'
  | 'no-trusted-roots';

/** Reasons about signatures and certificates of signed items. */
export const SIGNATURE_REASONS: Readonly<Record<SignatureReasonId, Reason>> = Object.freeze({
  'signature-invalid': {
    severity: 'error',
    title: 'a signature does not verify',
    meaning: 'The signed bytes are not those that the signer signed.',
    causes: ['the item was changed after it was signed', 'it was signed with another key'],
    remedy: 'Take the item from its source again, or sign it anew.',
  },
  'signature-missing': {
    severity: 'error',
    title: 'an item is not signed',
    meaning: 'There is no signature in an item that must have one.',
    causes: ['the item was not signed', 'the signature was taken out'],
    remedy: 'Sign the item (metatool sign).',
  },
  'signature-order': {
    severity: 'error',
    title: 'two signatures come from one key',
    meaning: 'Each signer of an item counts once, in the order of the signatures.',
    causes: ['somebody signed twice'],
    remedy: 'Sign with different keys, each once.',
  },
  'signature-payload': {
    severity: 'error',
    title: 'the signatures do not cover one payload',
    meaning: 'An item has no payload that all of its signatures cover.',
    causes: ['the item was changed after some had signed'],
    remedy: 'Have all signers sign the same bytes again.',
  },
  'signer-untrusted': {
    severity: 'error',
    title: 'the signer is not trusted',
    meaning: 'The certificates of the signer do not lead to a CA that the verifier trusts.',
    causes: [
      'the verifier is configured with another CA',
      'an intermediate certificate is missing',
      'the certificate is not for this purpose',
    ],
    remedy:
      'Give the verifier the right CA (--root-cas), or sign with a certificate of a CA that it trusts.',
  },
  'signer-certificate-expired': {
    severity: 'error',
    title: 'a certificate of the signer is no longer valid',
    meaning: 'The chain from the signer to the CA has a certificate whose time is over.',
    causes: ['nobody renewed it in time', "the verifier's clock is ahead"],
    remedy: 'Renew the certificate and sign the item again; check the clock.',
  },
  'signer-certificate-not-yet-valid': {
    severity: 'error',
    title: 'a certificate of the signer is not valid yet',
    meaning: 'The chain from the signer to the CA has a certificate whose time has not come.',
    causes: ["the verifier's clock is behind", 'the certificate is brand new'],
    remedy: 'Check the clock of the verifier.',
  },
  'signer-unknown': {
    severity: 'error',
    title: 'an item does not say who signed it',
    meaning: 'There is neither a certificate nor a key to verify the signature with.',
    causes: [
      'the item was signed without its certificates',
      'the wrong kind of key was configured',
    ],
    remedy: 'Sign the item with its certificate chain (x5c, x5chain).',
  },
  'certificate-unreadable': {
    severity: 'error',
    title: 'a certificate cannot be read',
    meaning: 'A certificate is not DER as X.509 prescribes it.',
    causes: ['the certificate was changed or cut off', 'it has features that are not accepted'],
    remedy: 'Look at it with cmcctl inspect cert; have it issued again.',
  },
  'key-unusable': {
    severity: 'error',
    title: 'a key cannot be used',
    meaning: 'The public key cannot be read, or does not go with the signature.',
    causes: ['key and signature are of different kinds', 'the key was changed'],
    remedy: 'Generate the report again; check the key of the signer.',
  },
  'algorithm-unsupported': {
    severity: 'error',
    title: 'an algorithm is not accepted',
    meaning: 'A signature is made with an algorithm or key size that is unknown or too weak.',
    causes: ['an old signer', 'RSA keys below 2048 bits or hashes like SHA-1'],
    remedy: 'Sign with ECDSA (ES256, ES384, ES512) or RSA-PSS keys of at least 2048 bits.',
  },
  'no-trusted-roots': {
    severity: 'error',
    title: 'no trusted certificates are configured',
    meaning: 'The verifier has no CA certificates to judge signers with.',
    causes: ['the setting with the CAs is empty'],
    remedy: 'Configure the CA certificates (--root-cas).',
  },
});
