import type { Reason } from '../reason.ts';

export type SnpReasonId =
  | 'snp-measurement'
  | 'snp-debug'
  | 'snp-guest-policy'
  | 'snp-report-version'
  | 'snp-firmware'
  | 'snp-tcb'
  | 'snp-provisional'
  | 'snp-vmpl'
  | 'snp-identity'
  | 'snp-platform'
  | 'snp-mitigations'
  | 'snp-provider'
  | 'snp-chip'
  | 'snp-certificate';

/** Reasons about AMD SEV-SNP evidence. */
export const SNP_REASONS: Readonly<Record<SnpReasonId, Reason>> = Object.freeze({
  'snp-measurement': {
    severity: 'error',
    title: 'the guest was launched with something else',
    meaning: 'The launch measurement (firmware, kernel, command line) is not the reference value.',
    causes: ['firmware or kernel of the guest were updated', 'the number of vCPUs differs'],
    remedy: 'Compute the reference value of what should run with mrtool, and update the manifest.',
  },
  'snp-debug': {
    severity: 'error',
    title: 'the guest can be debugged by the host',
    meaning:
      'The guest policy allows debugging: the host reads and writes the memory of the guest.',
    causes: ['the guest was launched with a policy for development'],
    remedy: 'Launch the guest with debugging off. This is never accepted, whatever a policy says.',
  },
  'snp-guest-policy': {
    severity: 'error',
    title: 'the guest policy allows too much or demands too little',
    meaning: 'SMT, migration, sockets, the ABI version or other bits differ from snpPolicy.',
    causes: ['the guest was launched with another policy than the manifest has'],
    remedy: 'Launch the guest with another policy, or change snpPolicy in the root manifest.',
  },
  'snp-report-version': {
    severity: 'error',
    title: 'the version of the SNP report is out of range',
    meaning: 'The firmware writes reports in a version that snpPolicy does not accept.',
    causes: ['older or newer firmware than the manifest was written for'],
    remedy: 'Change the range in snpPolicy, or update the firmware of the host.',
  },
  'snp-firmware': {
    severity: 'error',
    title: 'the SNP firmware is too old',
    meaning: 'The committed or current firmware is older than snpPolicy demands.',
    causes: ['the host was not updated', 'the update was not committed'],
    remedy: 'Update the firmware of the host and commit it (SNP_COMMIT).',
  },
  'snp-tcb': {
    severity: 'error',
    title: 'the TCB is too old',
    meaning: 'A component of the trusted computing base is older than snpPolicy demands.',
    causes: ['the host was not updated', 'the guest still runs since before the update'],
    remedy: 'Update the firmware of the host, commit it, and start the guest anew.',
  },
  'snp-provisional': {
    severity: 'error',
    title: 'the firmware can still be rolled back',
    meaning: 'The committed version is older than the one that runs.',
    causes: ['the host tries new firmware'],
    remedy: 'Commit the firmware of the host, or set allowProvisionalFirmware in snpPolicy.',
  },
  'snp-vmpl': {
    severity: 'error',
    title: 'the report was asked for at another privilege level',
    meaning: 'The VMPL in the report is not the one that snpPolicy demands.',
    causes: ['the guest runs under a paravisor (SVSM)', 'something else asked for the report'],
    remedy: 'Let the driver ask at that level, or set vmpl in snpPolicy.',
  },
  'snp-identity': {
    severity: 'error',
    title: 'the identity of the guest is another one',
    meaning: 'Id block, id key, author key, family, image, SVN or host data are not as demanded.',
    causes: ['the guest was launched with another id block', 'snpPolicy is for another guest'],
    remedy: 'Launch the guest with the id block that snpPolicy demands, or change snpPolicy.',
  },
  'snp-platform': {
    severity: 'error',
    title: 'the host is not configured as demanded',
    meaning: 'A property of the platform (TSME, ECC, SMT, RAPL, ciphertext hiding) is missing.',
    causes: ['BIOS settings of the host', 'older firmware'],
    remedy: 'Configure or update the host.',
  },
  'snp-mitigations': {
    severity: 'error',
    title: 'a mitigation is missing',
    meaning: 'The firmware does not have a mitigation that snpPolicy demands.',
    causes: ['the firmware of the host is too old'],
    remedy: 'Update the firmware of the host, and start the guest anew.',
  },
  'snp-provider': {
    severity: 'error',
    title: 'the report is signed by a provider that is not accepted',
    meaning: "A cloud provider's key (VLEK) signed the report, and snpPolicy does not list it.",
    causes: ['the host is provisioned with a VLEK'],
    remedy: 'Add the provider to cspIds of snpPolicy, or use a key of the chip (VCEK).',
  },
  'snp-chip': {
    severity: 'error',
    title: 'the chip is not accepted',
    meaning: 'The chip or its generation is denied, or not one of those that are allowed.',
    causes: ['the guest was moved to another host', 'the host hides the id of its chip'],
    remedy: 'Move the guest to an accepted host, or change snpPolicy.',
  },
  'snp-certificate': {
    severity: 'error',
    title: 'the certificate is for another chip or TCB',
    meaning: 'What the certificate certifies is not what the report says.',
    causes: ['the certificate was fetched for an older TCB', 'it belongs to another chip'],
    remedy: 'Fetch the certificate of this chip for the reported TCB (cmcctl update-certs).',
  },
});
