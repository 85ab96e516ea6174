import type { AttestationKeyEndorser } from '@cmc/driver-tpm';
import { issueRoot } from '@cmc/est';

const LIFETIME_MS = 3650 * 86_400_000;
const BACKDATE_MS = 3_600_000;

/**
 * An endorser for TPMs whose attestation key nobody else has to vouch for: its own certificate is in
 * reports whose other evidence commits to it, that of the confidential virtual machine.
 */
export function selfEndorser(options: {
  /** Name of this computer. */
  readonly name: string | Promise<string>;
  readonly now?: () => Date;
}): AttestationKeyEndorser {
  const { name, now = (): Date => new Date() } = options;
  return {
    endorse: async ({ signer }, wait = {}) => {
      const { certificate } = await issueRoot(
        {
          subject: { commonName: `${await name} vTPM AK` },
          ca: { pathLength: 0 },
          lifetimeMs: LIFETIME_MS,
          backdateMs: BACKDATE_MS,
        },
        { issuer: signer, now: now(), ...wait },
      );
      return [certificate];
    },
  };
}
