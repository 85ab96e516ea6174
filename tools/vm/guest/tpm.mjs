// What a test of tpm2-ts does inside the guest, on /dev/tpmrm0. Bytes go in and out as hex.
import {
  activateCredential,
  keyTemplate,
  openEndorsementKey,
  openTpm,
  readEkCertificate,
} from 'tpm2-ts';
import { ekTemplate } from 'tpm2-ts/verify';

const PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const scheme = { scheme: 'ECDSA', hash: 'SHA-256' };
/** A primary key: the same one each time. */
const attestationKey = { template: keyTemplate({ key: 'P-256', restricted: true, scheme }) };

/** Certificate and key of the manufacturer, and the attestation key. */
export async function identity({ template }) {
  return await withTpm(async (tpm) => {
    const ek = await openEndorsementKey(tpm, ekTemplate(template));
    const ak = await tpm.createPrimary('owner', attestationKey);
    return {
      certificate: hex(await readEkCertificate(tpm, ekTemplate(template))),
      ek: hex(ek.publicArea),
      ak: hex(ak.publicArea),
      name: hex(ak.name),
    };
  });
}

/** The secret in a credential, or the code of the TPM that refuses it. */
export async function activate({ template, credentialBlob, secret }) {
  return await withTpm(async (tpm) => {
    const ek = await openEndorsementKey(tpm, ekTemplate(template));
    const ak = await tpm.createPrimary('owner', attestationKey);
    try {
      const credential = { credentialBlob: bytes(credentialBlob), secret: bytes(secret) };
      return { opened: hex(await activateCredential(tpm, ak, ek, credential)) };
    } catch (error) {
      return { code: error.code, response: error.response?.name };
    }
  });
}

/** A quote over the PCRs of firmware, kernel and files. */
export async function quote({ nonce }) {
  return await withTpm(async (tpm) => {
    const ak = await tpm.createPrimary('owner', attestationKey);
    const pcrs = [{ bank: 'SHA-256', pcrs: PCRS }];
    const { attest, signature } = await tpm.quote(ak, { qualifyingData: bytes(nonce), pcrs });
    return { attest: hex(attest), signature: hex(signature) };
  });
}

/** What was loaded is flushed at the end. */
async function withTpm(work) {
  const tpm = await openTpm();
  try {
    return await work(tpm);
  } finally {
    await tpm.close();
  }
}

function bytes(text) {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

function hex(value) {
  return Buffer.from(value).toString('hex');
}
