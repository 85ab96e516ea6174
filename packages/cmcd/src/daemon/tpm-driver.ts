import { createTpmDriver, type TpmDriver } from '@cmc/driver-tpm';
import { createEstClient } from '@cmc/est';
import { CmcdError } from '../errors.ts';
import { estAttestationKeyEndorser } from '../keys/attestation-key-endorser.ts';
import { selfEndorser } from '../keys/self-endorser.ts';
import type { DriverContext } from './drivers.ts';
import { readableCertificates, readToken } from './enrollment.ts';

/** The driver of this computer's TPM. @throws {TpmError} ERR_TPM_TRANSPORT: there is none */
export async function openTpmDriver(context: DriverContext): Promise<TpmDriver> {
  const { config, containerLog, hashAlg, logger, tpm } = context;
  const { storage, tpmKeyAlg, excludePcrs, measurementLogs, imaSignatures } = config;
  const { tpmEventLog, imaLog, ctrDriver } = config;
  if (tpm === undefined) throw new CmcdError('ERR_CMCD_NO_DRIVER', 'driver tpm needs a TPM');
  const info = await tpm.use(async (device, wait) => await device.capabilities.info(wait));
  logger.info({ ...info }, 'TPM found');
  return createTpmDriver({
    access: tpm,
    endorser: endorserOf(context),
    hashAlg,
    ...(storage === undefined ? {} : { storage }),
    ...(tpmKeyAlg === undefined ? {} : { keyAlgorithm: tpmKeyAlg }),
    ...(excludePcrs === undefined ? {} : { excludePcrs }),
    ...(measurementLogs === undefined ? {} : { measurementLogs }),
    ...(imaSignatures === undefined ? {} : { imaSignatures }),
    ...(tpmEventLog === undefined ? {} : { eventLogPath: tpmEventLog }),
    ...(imaLog === undefined ? {} : { imaLogPath: imaLog }),
    ...(ctrDriver !== 'tpm' || containerLog === undefined ? {} : { containerLog }),
    logger,
  });
}

/** In a confidential virtual machine, the evidence of the machine vouches for the key of its TPM. */
function endorserOf({ config, httpsRoots, name }: DriverContext): ReturnType<typeof selfEndorser> {
  const { drivers = [], endorsementAddr, enrollmentAddr = '', provisionToken } = config;
  if (drivers.includes('snp')) return selfEndorser({ name });
  return estAttestationKeyEndorser({
    name,
    client: async () =>
      createEstClient({
        url: endorsementAddr ?? enrollmentAddr,
        roots: httpsRoots.flatMap(readableCertificates),
        ...(provisionToken === undefined ? {} : { token: await readToken(provisionToken) }),
      }),
  });
}
