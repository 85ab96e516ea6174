import type { Reason } from '../reason.ts';

export type SoftwareReasonId =
  | 'software-unknown'
  | 'software-missing'
  | 'software-log-altered'
  | 'measurement-mismatch';

/** Reasons about measured software (SW evidence). */
export const SOFTWARE_REASONS: Readonly<Record<SoftwareReasonId, Reason>> = Object.freeze({
  'software-unknown': {
    severity: 'error',
    title: 'software runs that no manifest knows',
    meaning: 'Something was started that matches no reference value.',
    causes: [
      'the software was updated and its manifest was not',
      'its configuration differs (arguments, environment, mounts)',
      'it should not run there',
    ],
    remedy:
      'Compare it with the nearest reference value; update the manifest when the change is wanted, otherwise stop the software.',
  },
  'software-missing': {
    severity: 'error',
    title: 'required software does not run',
    meaning: 'A manifest demands software that was not measured.',
    causes: [
      'it was not started, or started before measuring began',
      'a changed version runs, which a finding of its own says',
    ],
    remedy: 'Start it, or mark the component as optional in the manifest.',
  },
  'software-log-altered': {
    severity: 'error',
    title: 'the log of software is not the one that was signed',
    meaning:
      'The hash over the log differs from the signed one: entries were added, removed or changed.',
    causes: ['the log was changed after it was measured', 'the report was changed'],
    remedy: 'Ask for a new report. If it occurs again, treat the prover as compromised.',
  },
  'measurement-mismatch': {
    severity: 'error',
    title: 'a measured value matches nothing',
    meaning: 'Something was measured that no reference value allows.',
    causes: ['the software was updated and the manifest was not', 'the software was changed'],
    remedy: 'Update the manifest when the change is wanted; otherwise look into the prover.',
  },
});
