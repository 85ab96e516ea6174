/** Of measurements when no hardware evidence was verified. */
export const NO_HARDWARE_ANCHOR =
  'no hardware anchor: nothing but the host itself vouches for the key of this evidence';

/** Of manifests that cannot be revoked. */
export const NO_OMSP_SERVER =
  'Revocation check for manifest was not possible, because manifest contains no OmspServer URL.';

/** Of results that a policy changed. */
export const POLICY_OVERWROTE =
  'the verification FAILED and a policy overwrote the result with a warning';
