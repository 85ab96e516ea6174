/** Of measurements when no hardware evidence was verified. */
export const NO_HARDWARE_ANCHOR =
  'no hardware anchor: nothing but the host itself vouches for the key of this evidence';

/** Of manifests that cannot be revoked. */
export const NO_OMSP_SERVER =
  'Revocation check for manifest was not possible, because manifest contains no OmspServer URL.';

/** Of results that a policy changed. */
export const POLICY_OVERWROTE =
  'the verification FAILED and a policy overwrote the result with a warning';

/** How texts about the first entry of IMA's list begin: it is not of the boot that was quoted. */
export const BOOT_AGGREGATE_MISMATCH = 'boot_aggregate is of another boot';

/** It could be checked, had the prover sent more. */
export const BOOT_AGGREGATE_UNCHECKED = 'boot_aggregate cannot be checked';

/** Of reports that were accepted, although nobody could tell. */
export const BOOT_AGGREGATE_UNDECIDED = 'boot_aggregate was not checked';
