import type { Reason } from '../reason.ts';

export type PolicyReasonId =
  | 'policy-denied'
  | 'policy-failed'
  | 'policy-engine-missing'
  | 'policy-overwrote';

/** Reasons about custom policies. */
export const POLICY_REASONS: Readonly<Record<PolicyReasonId, Reason>> = Object.freeze({
  'policy-denied': {
    severity: 'error',
    title: 'the policy said no',
    meaning: 'Everything else was accepted; the script of the policy gave false.',
    causes: [
      'the report does not have what the script looks for',
      'the script looks for a wrong name',
    ],
    remedy:
      'Run the script by hand on the result (cmcctl verify --result), with console.log of what it compares.',
  },
  'policy-failed': {
    severity: 'error',
    title: 'the policy did not run to its end',
    meaning: 'The script of the policy threw, ran too long, or gave something that is no verdict.',
    causes: [
      'a mistake in the script',
      'it reads a member that this result does not have',
      'its last statement is not the verdict',
    ],
    remedy: 'Correct the script; its last expression must be true or false.',
  },
  'policy-engine-missing': {
    severity: 'error',
    title: 'there is no engine to run the policy with',
    meaning: 'A policy was given, but the verifier is not configured to run policies.',
    causes: ['the verifier runs without a policy engine'],
    remedy: 'Configure the policy engine of the verifier.',
  },
  'policy-overwrote': {
    severity: 'warning',
    title: 'a policy changed the verdict',
    meaning: 'The policy may overwrite results here and did: what failed counts as a warning.',
    causes: ['the script accepts known deviations'],
    remedy: 'See what failed in the other findings; forbid overwriting when it is not wanted.',
  },
});
