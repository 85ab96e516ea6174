import type { Reason } from '../reason.ts';

export type IntelReasonId =
  | 'intel-chain'
  | 'intel-tcb-info'
  | 'intel-tcb-level'
  | 'intel-qe-identity'
  | 'certificate-extension'
  | 'tdx-quote';

/** Reasons about Intel SGX and TDX evidence, which results of other verifiers have. */
export const INTEL_REASONS: Readonly<Record<IntelReasonId, Reason>> = Object.freeze({
  'intel-chain': {
    severity: 'error',
    title: 'a certificate chain of Intel does not verify',
    meaning:
      'The platform certificate or the signer of TCB info does not lead to the root of Intel.',
    causes: ['the collateral is incomplete', 'the certificates are not of Intel'],
    remedy: 'Fetch the collateral again.',
  },
  'intel-tcb-info': {
    severity: 'error',
    title: 'the TCB info is not usable',
    meaning: 'The TCB info cannot be read, has expired, or is for another platform.',
    causes: ['the collateral is out of date', 'it belongs to another platform'],
    remedy: 'Fetch the collateral of this platform again.',
  },
  'intel-tcb-level': {
    severity: 'error',
    title: 'the TCB level is not accepted',
    meaning: 'Microcode or modules of the platform are out of date or revoked.',
    causes: ['the host was not updated'],
    remedy: 'Update BIOS and microcode of the host.',
  },
  'intel-qe-identity': {
    severity: 'error',
    title: 'the quoting enclave is not accepted',
    meaning: 'The identity of the quoting enclave cannot be read or does not verify.',
    causes: ['the collateral is out of date', 'another quoting enclave is in use'],
    remedy: 'Fetch the collateral again; update the attestation software of the host.',
  },
  'certificate-extension': {
    severity: 'error',
    title: 'an extension of a certificate is not as it should be',
    meaning: 'The certificate of the hardware lacks an extension, or says something else.',
    causes: ['the certificate belongs to another platform or TCB'],
    remedy: 'Fetch the certificate of this platform again (cmcctl update-certs).',
  },
  'tdx-quote': {
    severity: 'error',
    title: 'the TDX evidence does not verify',
    meaning: 'The TDX quote or a measurement register in it is not as demanded.',
    causes: ['the guest was launched with something else', 'the manifest names a wrong register'],
    remedy: 'Make new reference values for the guest and sign the manifest again.',
  },
});
