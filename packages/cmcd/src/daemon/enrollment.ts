import { createPrivateKey } from 'node:crypto';
import { hostname } from 'node:os';
import type { Signer } from '@cmc/attestationreport';
import {
  type Certificate,
  parseCertificate,
  parsePemCertificates,
} from '@cmc/attestationreport/x509';
import { DecodeError, equalBytes } from '@cmc/bytes';
import { softwareSigner } from '@cmc/driver-sw';
import type { EstClientCertificate } from '@cmc/est';
import { ConfigError, readSettingFile } from '@cmc/host';
import type { CmcdConfig } from '../config/schema.ts';
import type { Enroller } from '../keys/enroller.ts';
import { createEstEnroller } from '../keys/est-enroller.ts';
import { createLocalEnroller, LOCAL_NAMES } from '../keys/local-enroller.ts';
import { readCertificates } from './roots.ts';

/** Bearer tokens, RFC 6750 section 2.1. */
const TOKEN = /^[0-9A-Za-z._~+/-]{1,512}=*$/;

export interface EnrollmentContext {
  /** Name of this computer. */
  readonly name: string | Promise<string>;
  /** Whom to trust about the server, PEM. */
  readonly httpsRoots: readonly string[];
}

/** Who certifies TLS keys, as the settings say; undefined for nobody. @throws {ConfigError} */
export async function openEnroller(
  config: CmcdConfig,
  { name, httpsRoots }: EnrollmentContext,
): Promise<Enroller | undefined> {
  switch (config.enrollmentMode) {
    case 'local':
      return createLocalEnroller({
        ca: await readSigner('enrollmentCaKey', 'enrollmentCaChain', {
          key: config.enrollmentCaKey ?? '',
          chain: config.enrollmentCaChain ?? [],
        }),
        names: config.enrollmentNames ?? namesOfThisComputer(name),
      });
    case 'est':
      return await openEstEnroller(config, httpsRoots);
    default:
      return undefined;
  }
}

async function openEstEnroller(
  config: CmcdConfig,
  httpsRoots: readonly string[],
): Promise<Enroller> {
  const { enrollmentAddr = '', provisionToken, enrollmentCert, enrollmentKey = '' } = config;
  const identity =
    enrollmentCert === undefined ? undefined : await readIdentity(enrollmentKey, enrollmentCert);
  return createEstEnroller({
    url: enrollmentAddr,
    roots: httpsRoots.flatMap(readableCertificates),
    ...(provisionToken === undefined ? {} : { token: () => readToken(provisionToken) }),
    ...(identity === undefined ? {} : { clientCertificate: identity }),
  });
}

/** Of the CAs that come with Node.js, those that our reader of certificates understands. */
export function readableCertificates(pem: string): readonly Certificate[] {
  try {
    return parsePemCertificates(pem);
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

/** Anew for each enrolment: somebody may have put another one there. */
export async function readToken(path: string): Promise<string> {
  const token = (await readSettingFile(path, 'provisionToken')).toString('latin1').trim();
  if (TOKEN.test(token)) return token;
  throw new ConfigError('ERR_CONFIG_VALUE', `provisionToken: ${path} does not hold a token`);
}

async function readIdentity(key: string, certificate: string): Promise<EstClientCertificate> {
  const { certificateChain } = await readSigner('enrollmentKey', 'enrollmentCert', {
    key,
    chain: [certificate],
  });
  const privateKey = createPrivateKey(await readSettingFile(key, 'enrollmentKey'));
  return { chain: certificateChain, privateKey };
}

async function namesOfThisComputer(name: string | Promise<string>): Promise<readonly string[]> {
  return [...LOCAL_NAMES, hostname(), await name];
}

/** A key with the certificates of some files, its own first. */
async function readSigner(
  keySetting: 'enrollmentCaKey' | 'enrollmentKey',
  chainSetting: 'enrollmentCaChain' | 'enrollmentCert',
  files: { readonly key: string; readonly chain: readonly string[] },
): Promise<Signer> {
  const certificateChain: Uint8Array[] = [];
  for (const path of files.chain) {
    for (const { raw } of await readCertificates(path, chainSetting)) certificateChain.push(raw);
  }
  const privateKey = await readSettingFile(files.key, keySetting);
  const signer = signerOf(privateKey, certificateChain, `${keySetting}: ${files.key}`);
  const [certificate] = certificateChain;
  if (
    certificate === undefined ||
    !equalBytes(parseCertificate(certificate).spki, signer.publicKey)
  ) {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `${chainSetting}: its first certificate is not for the key in ${files.key}`,
    );
  }
  return signer;
}

function signerOf(
  privateKey: Uint8Array,
  certificateChain: readonly Uint8Array[],
  where: string,
): Signer {
  try {
    return softwareSigner({ privateKey, certificateChain });
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_VALUE', `${where} holds no private key that can be used`, {
      cause,
    });
  }
}
