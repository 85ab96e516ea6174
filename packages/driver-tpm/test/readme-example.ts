import { createTpmAccess, createTpmDriver, deviceOpener, TpmDriverError } from '@cmc/driver-tpm';

const driver = createTpmDriver({
  access: createTpmAccess(deviceOpener()),
  storage: '/var/lib/cmc/example', // with the attestation key and its certificates
});
try {
  const { collateral, measure } = await driver.prepare();
  const [evidence] = await measure(new Uint8Array(32));
  console.log(evidence?.type, collateral[0]?.artifacts?.length); // TPM Evidence 18
} catch (error) {
  if (!(error instanceof TpmDriverError)) throw error;
  console.log(error.code); // ERR_TPM_DRIVER_CERTIFICATE: no endorser, and no key is stored
}
