import type { Reason } from '../reason.ts';

export type TpmReasonId =
  | 'boot-event-unknown'
  | 'boot-event-missing'
  | 'ima-file-unknown'
  | 'ima-file-missing'
  | 'boot-aggregate-mismatch'
  | 'boot-aggregate-unchecked'
  | 'boot-aggregate-undecided'
  | 'pcr-mismatch'
  | 'pcr-without-reference'
  | 'pcr-not-reported'
  | 'pcr-log-malformed'
  | 'quote-mismatch'
  | 'tpm-clock-backwards';

/** Reasons about TPM evidence. */
export const TPM_REASONS: Readonly<Record<TpmReasonId, Reason>> = Object.freeze({
  'boot-event-unknown': {
    severity: 'error',
    title: 'something was booted that no manifest knows',
    meaning: 'An event of the boot log matches no reference value.',
    causes: [
      'firmware, boot loader, kernel or their settings were updated and the manifest was not',
      'something else was booted',
    ],
    remedy:
      'Compare the event with the nearest reference value; make new reference values with mrtool when the change is wanted.',
  },
  'boot-event-missing': {
    severity: 'error',
    title: 'something required was not booted',
    meaning: 'A reference value that is not optional was not measured.',
    causes: ['a changed version was booted', 'the step was skipped'],
    remedy: 'Boot what the manifest demands, or make new reference values with mrtool.',
  },
  'ima-file-unknown': {
    severity: 'error',
    title: 'a file was used that no manifest knows',
    meaning: 'The kernel (IMA) measured a file that matches no reference value.',
    causes: ['a package was updated and the manifest was not', 'the file was changed'],
    remedy:
      'Compare with the nearest reference value; update the manifest when the change is wanted.',
  },
  'ima-file-missing': {
    severity: 'error',
    title: 'a required file was not used',
    meaning: 'A file that a manifest demands was not measured by the kernel (IMA).',
    causes: ['a changed version was used', 'the IMA policy does not measure it'],
    remedy: 'Check the IMA policy, or mark the component as optional in the manifest.',
  },
  'boot-aggregate-mismatch': {
    severity: 'error',
    title: 'the list of files begins with the boot of another machine',
    meaning:
      'The first entry of the kernel (IMA), boot_aggregate, has a reference value, but is not the hash of the boot registers that the TPM signed.',
    causes: [
      'somebody measures what another machine did, to pass for it',
      'something extended a boot register (PCR 0 to 9) after the kernel had taken the hash',
    ],
    remedy:
      'Find out what the machine has booted. Where a service extends PCR 8 or 9 later, have it use another register.',
  },
  'boot-aggregate-unchecked': {
    severity: 'error',
    title: 'nothing shows that the list of files is of this boot',
    meaning:
      'The first entry of the kernel (IMA), boot_aggregate, has a reference value, but is no known form of the hash of the quoted boot registers.',
    causes: [
      'the prover does not send the entry behind the event, as the reference implementation does not',
      'the prover does not quote PCR 8 and 9, which newer kernels take in',
      'somebody measures what another machine did, to pass for it',
    ],
    remedy:
      'Use a prover that sends the entry and quotes PCR 0 to 9, or accept the gap with tpmAllowUncheckedBootAggregate.',
  },
  'boot-aggregate-undecided': {
    severity: 'note',
    title: 'it was not checked that the list of files is of this boot',
    meaning:
      'The first entry of the kernel (IMA), boot_aggregate, is over registers that are not in the quote; its reference value is all that vouches for it.',
    causes: [
      'the kernel takes the hash in another bank than the one that is quoted (Linux before 5.8: SHA-1)',
      'not all of PCR 0 to 7 are quoted',
      'tpmAllowUncheckedBootAggregate is on',
    ],
    remedy:
      'Quote PCR 0 to 9 in the bank of the kernel (ima_hash=sha256 for SHA-256) to have it checked.',
  },
  'pcr-mismatch': {
    severity: 'error',
    title: 'a register is not what its log says',
    meaning: 'The events of a register do not lead to the value that the TPM signed.',
    causes: [
      'events were left out of the log or changed',
      'something extended the register without logging it',
    ],
    remedy: 'Look at the log with cmcctl inspect eventlog; reboot and ask for a new report.',
  },
  'pcr-without-reference': {
    severity: 'error',
    title: 'a register has no reference values',
    meaning: 'A register was quoted that no manifest says anything about.',
    causes: ['the prover quotes more registers than the manifests cover'],
    remedy: 'Add reference values for the register, or do not quote it.',
  },
  'pcr-not-reported': {
    severity: 'error',
    title: 'registers of quote, logs and manifests are not the same',
    meaning:
      'A register has reference values or was quoted, and the report has no log of it; or the other way round.',
    causes: [
      'the prover is configured for other registers than the manifests cover (excludePcrs)',
      'the report was changed',
    ],
    remedy: 'Have the prover quote and report the registers that the manifests have values for.',
  },
  'pcr-log-malformed': {
    severity: 'error',
    title: 'the log of a register cannot be as it is',
    meaning: 'An event has no digest of its bank or belongs elsewhere, or the start value is none.',
    causes: ['a defect of the firmware or of the driver', 'the log was changed'],
    remedy: 'Look at the log with cmcctl inspect eventlog; update the firmware of the machine.',
  },
  'quote-mismatch': {
    severity: 'error',
    title: 'the registers are not those that the TPM signed',
    meaning: 'The hash over the register values differs from the one in the quote.',
    causes: ['a register changed between log and quote', 'the report was changed'],
    remedy: 'Ask for a new report. If it occurs again, look at the log with cmcctl inspect.',
  },
  'tpm-clock-backwards': {
    severity: 'error',
    title: 'the TPM went back in time',
    meaning:
      'Clock or counters of the TPM are before those of the last report that was accepted for its key.',
    causes: [
      'somebody kept an old quote',
      'the virtual machine was set back to an old snapshot',
      'the TPM lost power before it saved its clock',
    ],
    remedy:
      'Reboot the prover and ask for a new report; when it is a restored machine, forget its last clock.',
  },
});
