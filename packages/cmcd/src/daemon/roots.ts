import {
  type Certificate,
  encodePem,
  parseCertificate,
  parsePemOrDer,
} from '@cmc/attestationreport/x509';
import type { Logger } from '@cmc/bytes';
import { ConfigError, readSettingFile } from '@cmc/host';

/** CA certificates that are trusted, for verifying and as TLS wants them. */
export interface TrustedRoots {
  readonly certificates: readonly Certificate[];
  readonly pem: readonly string[];
}

/** The first certificate of each file, PEM or DER. @throws {ConfigError} */
export async function readRoots(
  paths: readonly string[],
  logger: Logger,
  setting = 'rootCas',
): Promise<TrustedRoots> {
  const certificates: Certificate[] = [];
  for (const path of paths) {
    const [first, ...others] = await readCertificates(path, setting);
    if (first === undefined) continue;
    if (others.length > 0) {
      logger.warn(
        { path, setting, ignored: others.length },
        'only the first certificate of a file is a root',
      );
    }
    certificates.push(first);
  }
  return { certificates, pem: certificates.map(({ raw }) => encodePem(raw, 'CERTIFICATE')) };
}

/** The certificates of one file, PEM or DER; at least one. @throws {ConfigError} */
export async function readCertificates(
  path: string,
  setting: string,
): Promise<readonly Certificate[]> {
  const content = new Uint8Array(await readSettingFile(path, setting));
  try {
    return parsePemOrDer(content, 'CERTIFICATE').map(parseCertificate);
  } catch (cause) {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `${setting}: ${path} holds no certificate, PEM or DER`,
      { cause },
    );
  }
}
