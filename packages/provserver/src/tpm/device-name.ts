import type { KeyProof } from '../auth/enrollment.ts';
import type { RequestSubject } from '../auth/request-subject.ts';
import { isAllowedName, isExactName, PROVER_NAME } from '../config/name-pattern.ts';

/** What cmcd puts behind the name of its host in the common name of an attestation key. */
const SUFFIX = ' TPM AK';

/**
 * What a request for an attestation key claims: to be the key of a device, whose name is the common
 * name. Alternative names are not certified, for nobody connects to an attestation key.
 */
export function attestationKeyClaims(subject: RequestSubject): RequestSubject {
  const { commonName } = subject;
  const isSuffixed = commonName.length > SUFFIX.length && commonName.endsWith(SUFFIX);
  const device = isSuffixed ? commonName.slice(0, -SUFFIX.length) : commonName;
  return { ...subject, commonName: device, dnsNames: [], ipAddresses: [] };
}

/** The names that a device with a TPM may have; `{prover}` stands for its own. */
export function deviceGrant(
  device: string,
  allowedNames: readonly string[],
): Pick<KeyProof, 'by' | 'allows' | 'device'> {
  // The device chose its name: it is compared, and never taken for a pattern.
  const own = isExactName(device) ? [device] : [];
  const patterns = allowedNames.flatMap((pattern) => (pattern === PROVER_NAME ? own : [pattern]));
  return {
    by: 'allowedNames of this server',
    device,
    allows: (name) => isAllowedName(name, patterns),
  };
}
