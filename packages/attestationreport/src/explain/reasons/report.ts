import type { Reason } from '../reason.ts';

export type ReportReasonId =
  | 'report-unreadable'
  | 'report-version'
  | 'report-malformed'
  | 'report-signature'
  | 'context-hash-unsupported'
  | 'nonce-mismatch'
  | 'level-without-hardware'
  | 'evidence-missing'
  | 'evidence-duplicate'
  | 'evidence-unsupported'
  | 'evidence-malformed'
  | 'collateral-missing'
  | 'collateral-malformed'
  | 'evidence-nonce-mismatch'
  | 'evidence-signature'
  | 'evidence-chain'
  | 'measurement-unverified'
  | 'no-hardware-anchor'
  | 'verifier-clock'
  | 'clock-leeway'
  | 'verifier-failed'
  | 'unspecified'
  | 'remark';

/** Reasons about the report as a whole. */
export const REPORT_REASONS: Readonly<Record<ReportReasonId, Reason>> = Object.freeze({
  'report-unreadable': {
    severity: 'error',
    title: 'the report cannot be read',
    meaning:
      'The bytes are neither a JSON nor a CBOR attestation report, or break off, or break a rule of the encoding.',
    causes: [
      'the file was cut off or changed on its way',
      'the file is something else, a result for example',
      'the prover writes an encoding that is not canonical',
    ],
    remedy:
      'Generate the report again and transfer it as bytes; look at it with cmcctl inspect report.',
  },
  'report-version': {
    severity: 'error',
    title: 'the version of the report is another one',
    meaning: 'The report is in a version of the format that this verifier does not know.',
    causes: ['prover and verifier run different releases'],
    remedy: 'Bring prover and verifier to releases with the same version of the report format.',
  },
  'report-malformed': {
    severity: 'error',
    title: 'a part of the report is not what it should be',
    meaning: 'The report can be read, but it or its context says that it is of another type.',
    causes: ['a defect of the prover', 'the report was changed'],
    remedy: 'Generate the report again with a current release of the prover.',
  },
  'report-signature': {
    severity: 'error',
    title: 'the signature of the whole report does not verify',
    meaning: 'The report must be signed as a whole by somebody trusted, and is not.',
    causes: [
      'the report was not signed',
      'the key of the prover is certified by a CA that is not among the trusted ones',
      'the report was changed',
    ],
    remedy:
      'Have the prover sign its reports with a key whose CA the verifier trusts, or do not demand the signature.',
  },
  'context-hash-unsupported': {
    severity: 'error',
    title: 'the hash algorithm of the report is not accepted',
    meaning: 'The report commits to its content with a hash algorithm that is unknown or too weak.',
    causes: ['the prover is configured for SHA-1 or for an unknown algorithm'],
    remedy: 'Configure the prover for SHA-256, SHA-384 or SHA-512.',
  },
  'nonce-mismatch': {
    severity: 'error',
    title: 'the report is for another nonce',
    meaning:
      'The report does not answer this challenge. It may be an old one that somebody plays back.',
    causes: [
      'the nonce file belongs to another report',
      'the nonce was given in another encoding (hex text instead of bytes)',
      'somebody replays an old report',
    ],
    remedy: 'Verify with the nonce that the report was generated for, or ask for a new report.',
  },
  'level-without-hardware': {
    severity: 'error',
    title: 'the certification level needs hardware evidence',
    meaning:
      'All manifests claim a level that only hardware can support, but no hardware evidence was verified.',
    causes: [
      'the prover measures with software only',
      'its hardware evidence was refused, which a finding of its own says',
    ],
    remedy: 'Enable a hardware driver on the prover, or sign manifests with a level of at most 1.',
  },
  'evidence-missing': {
    severity: 'error',
    title: 'required evidence is missing',
    meaning:
      'A manifest has reference values for a kind of evidence that the report does not have.',
    causes: [
      'the driver is not enabled on the prover or cannot reach its device',
      'the manifest is for another kind of machine',
      'the evidence was there but did not verify',
    ],
    remedy:
      'Enable the driver on the prover (cmcctl doctor there checks its devices), or use the manifest for this machine.',
  },
  'evidence-duplicate': {
    severity: 'error',
    title: 'there is too much evidence of one kind',
    meaning: 'Each kind of evidence may occur once; otherwise it is open which one counts.',
    causes: ['a driver is configured twice', 'the report was put together by hand'],
    remedy: 'Configure each driver once.',
  },
  'evidence-unsupported': {
    severity: 'error',
    title: 'there is no verifier for this kind of evidence',
    meaning: 'The report has evidence that this verifier cannot judge, so it is not trusted.',
    causes: ['the prover has a driver that is newer than the verifier'],
    remedy: 'Update the verifier, or disable that driver on the prover.',
  },
  'evidence-malformed': {
    severity: 'error',
    title: 'the evidence cannot be read',
    meaning: 'The bytes of the evidence are not what its kind prescribes.',
    causes: ['the report was changed', 'a defect of the driver or of the device'],
    remedy: 'Generate the report again; if it stays, report the evidence to the maintainers.',
  },
  'collateral-missing': {
    severity: 'error',
    title: 'what is needed to judge the evidence is missing',
    meaning: 'Logs, keys or certificates that belong to the evidence are not in the report.',
    causes: ['the prover could not fetch its certificates', 'the report was changed'],
    remedy: 'Update the certificates of the prover (cmcctl update-certs) and generate again.',
  },
  'collateral-malformed': {
    severity: 'error',
    title: 'logs or certificates of the evidence are not usable',
    meaning:
      'What the report has along with its evidence cannot be read, or belongs to no evidence.',
    causes: ['the report was changed', 'a defect of the driver'],
    remedy: 'Generate the report again; look at it with cmcctl inspect report.',
  },
  'evidence-nonce-mismatch': {
    severity: 'error',
    title: 'the evidence is for another report',
    meaning:
      'Evidence commits to the hash of the report it is in. This evidence was made for another one, or the report was changed afterwards.',
    causes: [
      'metadata, logs or the nonce of the report were changed after it was made',
      'the evidence was taken from another report',
    ],
    remedy: 'Ask for a new report. If it occurs again, treat the prover as compromised.',
  },
  'evidence-signature': {
    severity: 'error',
    title: 'the signature of the evidence does not verify',
    meaning: 'The key that should have signed the evidence did not sign these bytes.',
    causes: ['the evidence was changed', 'key or certificate belong to another device'],
    remedy: 'Update the certificates of the prover (cmcctl update-certs) and generate again.',
  },
  'evidence-chain': {
    severity: 'error',
    title: 'nobody trusted vouches for the key of the evidence',
    meaning: 'The certificates of the key that signed the evidence do not lead to a trusted root.',
    causes: [
      'the key is certified by a CA that is not among the trusted ones',
      'certificates are missing, in the wrong order, or for another purpose',
    ],
    remedy:
      'Update the certificates of the prover (cmcctl update-certs), or give the verifier the right CA.',
  },
  'measurement-unverified': {
    severity: 'error',
    title: 'a measurement does not verify',
    meaning: 'The result says that a measurement was refused.',
    causes: ['what the other findings say', 'a verifier that gives no details'],
    remedy: 'See the other findings; verify the report with cmcctl verify for details.',
  },
  'no-hardware-anchor': {
    severity: 'note',
    title: 'no hardware vouches for the report',
    meaning:
      'The measurements are signed by a key that the measured host itself keeps. Whoever controls the host can make such a report.',
    causes: ['the prover measures with software only'],
    remedy: 'Enable a hardware driver (TPM, SEV-SNP) on the prover when that is not enough.',
  },
  'verifier-clock': {
    severity: 'error',
    title: "the verifier's clock is probably wrong",
    meaning:
      "Everything in the report was signed at a time that, by the verifier's clock, is yet to come.",
    causes: ["the verifier's clock is behind", 'the clock of whoever signs metadata is ahead'],
    remedy: 'Set the clock of the verifier (NTP) and verify again.',
  },
  'clock-leeway': {
    severity: 'note',
    title: 'accepted within the leeway for clocks',
    meaning: 'Something is valid only from a moment that is a little later than now.',
    causes: ['two clocks differ by some seconds', 'the item is brand new'],
    remedy: 'None is needed; keep clocks in step with NTP.',
  },
  'verifier-failed': {
    severity: 'error',
    title: 'the verifier failed',
    meaning: 'The verifier could not finish. What it cannot judge counts as not verified.',
    causes: ['a defect of the verifier', 'a store or policy engine that is not available'],
    remedy: 'Report it to the maintainers, with the report if it may be shown.',
  },
  unspecified: {
    severity: 'error',
    title: 'no reason was given',
    meaning: 'The result refuses the report without saying why.',
    causes: ['the result comes from another verifier', 'the result was shortened'],
    remedy: 'Verify the report with cmcctl verify.',
  },
  remark: {
    severity: 'note',
    title: 'a remark of the verifier',
    meaning: 'Something to know that has no reason of its own.',
    causes: ['see its text'],
    remedy: 'See its text.',
  },
});
