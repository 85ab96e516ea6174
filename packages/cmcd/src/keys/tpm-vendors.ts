import { createHash } from 'node:crypto';
import { decodeSpki } from 'tpm2-ts/verify';

/** Names by the identifier of the TCG Vendor ID Registry, as servers look for them. */
const MANUFACTURERS: Readonly<Record<string, string>> = Object.freeze({
  AMD: 'AMD',
  ATML: 'Atmel',
  BRCM: 'Broadcom',
  GOOG: 'Google',
  HPE: 'HPE',
  IBM: 'IBM',
  IFX: 'Infineon',
  INTC: 'Intel',
  LEN: 'Lenovo',
  MSFT: 'Microsoft',
  NSM: 'National Semiconductor',
  NTC: 'Nuvoton Technology',
  NTZ: 'Nationz',
  QCOM: 'Qualcomm',
  ROCC: 'Fuzhou Rockchip',
  SMSC: 'SMSC',
  SMSN: 'Samsung',
  SNS: 'Sinosun',
  STM: 'ST Microelectronics',
  TXN: 'Texas Instruments',
  WEC: 'Winbond',
});
const INTEL_SERVICE = 'https://ekop.intel.com/ekcertservice/';

/** Name of the vendor of a TPM, which says itself four letters. */
export function manufacturerName(identifier: string): string {
  const text = identifier.trim();
  return MANUFACTURERS[text] ?? (text || 'unknown');
}

/** Where a vendor gives the certificate of an endorsement key, when that is known. */
export function ekCertificateUrl(identifier: string, spki: Uint8Array): string | undefined {
  const key = decodeSpki(spki);
  if (identifier.trim() !== 'INTC' || key.type !== 'RSA') return undefined;
  // Over modulus and exponent 65537.
  const hash = createHash('sha256')
    .update(key.modulus)
    .update(Uint8Array.of(1, 0, 1));
  return `${INTEL_SERVICE}${hash.digest('base64url')}%3D`;
}
