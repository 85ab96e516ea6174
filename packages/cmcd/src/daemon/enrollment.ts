import { hostname } from 'node:os';
import type { Signer } from '@cmc/attestationreport';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { equalBytes } from '@cmc/bytes';
import { softwareSigner } from '@cmc/driver-sw';
import { ConfigError, readSettingFile } from '@cmc/host';
import type { CmcdConfig } from '../config/schema.ts';
import { createKeyManager, type KeyManager } from '../keys/key-manager.ts';
import { createLocalEnroller, LOCAL_NAMES } from '../keys/local-enroller.ts';
import { readCertificates } from './roots.ts';

/** The key manager that the settings describe; none without an enrolment. */
export async function openKeyManager(
  config: CmcdConfig,
  name: string | Promise<string>,
): Promise<KeyManager | undefined> {
  const { enrollmentMode, enrollmentNames, storage } = config;
  if (enrollmentMode === undefined) return undefined;
  const enroller = createLocalEnroller({
    ca: await readCa(config),
    names: enrollmentNames ?? namesOfThisComputer(name),
  });
  return await createKeyManager({ enroller, ...(storage === undefined ? {} : { storage }) });
}

async function namesOfThisComputer(name: string | Promise<string>): Promise<readonly string[]> {
  return [...LOCAL_NAMES, hostname(), await name];
}

async function readCa(config: CmcdConfig): Promise<Signer> {
  const { enrollmentCaKey = '', enrollmentCaChain = [] } = config;
  const certificateChain: Uint8Array[] = [];
  for (const path of enrollmentCaChain) {
    for (const { raw } of await readCertificates(path, 'enrollmentCaChain')) {
      certificateChain.push(raw);
    }
  }
  const privateKey = await readSettingFile(enrollmentCaKey, 'enrollmentCaKey');
  const ca = signerOf(privateKey, certificateChain, enrollmentCaKey);
  const [certificate] = certificateChain;
  if (certificate === undefined || !equalBytes(parseCertificate(certificate).spki, ca.publicKey)) {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `enrollmentCaChain: its first certificate is not for the key in ${enrollmentCaKey}`,
    );
  }
  return ca;
}

function signerOf(
  privateKey: Uint8Array,
  certificateChain: readonly Uint8Array[],
  path: string,
): Signer {
  try {
    return softwareSigner({ privateKey, certificateChain });
  } catch (cause) {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `enrollmentCaKey: ${path} holds no private key that can be used`,
      { cause },
    );
  }
}
