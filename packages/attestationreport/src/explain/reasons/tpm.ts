import type { Reason } from '../reason.ts';

export type TpmReasonId =
  | 'boot-event-unknown'
  | 'boot-event-missing'
  | 'ima-file-unknown'
  | 'ima-file-missing'
  | 'pcr-mismatch'
  | 'pcr-without-reference'
  | 'quote-mismatch';

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
  'quote-mismatch': {
    severity: 'error',
    title: 'the registers are not those that the TPM signed',
    meaning: 'The hash over the register values differs from the one in the quote.',
    causes: ['a register changed between log and quote', 'the report was changed'],
    remedy: 'Ask for a new report. If it occurs again, look at the log with cmcctl inspect.',
  },
});
