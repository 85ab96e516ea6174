// What a test of @cmc/driver-tpm does inside the guest: its attestation key gets a certificate from
// the host, by credential activation, and then it reports. Bytes go in and out as hex.
import { setTimeout } from 'node:timers/promises';
import { generate } from '@cmc/attestationreport';
import { createTpmAccess, createTpmDriver, deviceOpener } from '@cmc/driver-tpm';

const POLL_MS = 20;
/** The request for a certificate that waits for the host. */
let waiting;
let prepared;

const driver = createTpmDriver({
  access: createTpmAccess(deviceOpener()),
  endorser: {
    endorse: async (request) =>
      await new Promise((certify) => {
        waiting = { request, certify };
      }),
  },
});

/** Makes an attestation key, and asks the host to certify it. */
export async function request() {
  prepared = driver.prepare();
  while (waiting === undefined) {
    await Promise.race([prepared, setTimeout(POLL_MS)]);
  }
  const { key } = waiting.request;
  const { ekPublicKey, ekCertificate } = await waiting.request.identity();
  return {
    publicArea: hex(key.publicArea),
    ekPublicKey: hex(ekPublicKey),
    ekCertificate: hex(ekCertificate),
  };
}

/** Opens a credential, as only the TPM with both keys can. */
export async function activate({ credentialBlob, secret }) {
  const credential = { credentialBlob: bytes(credentialBlob), secret: bytes(secret) };
  return hex(await waiting.request.activate(credential));
}

/** Takes the certificates, leaf first. */
export async function certified({ chain }) {
  waiting.certify(chain.map(bytes));
  await prepared;
}

/** An attestation report. */
export async function report({ nonce, metadata }) {
  const options = { nonce: bytes(nonce), metadata: metadata.map(bytes), name: 'guest.test' };
  return hex(await generate({ measurers: [driver], ...options }));
}

function bytes(text) {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

function hex(value) {
  return Buffer.from(value).toString('hex');
}
