import { parseCertificate, parsePemBlocks } from '@cmc/attestationreport/x509';
import { DecodeError, decodeUtf8 } from '@cmc/bytes';
import { ConfigError, readSettingFile } from '@cmc/host';
import { createImaKeyring } from '@cmc/ima';
import { isPem } from './roots.ts';

/**
 * The public keys (SubjectPublicKeyInfo, DER) of files with certificates or public keys, all of
 * which can sign files. @throws {ConfigError}
 */
export async function readImaKeys(paths: readonly string[]): Promise<readonly Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for (const path of paths) {
    const content = new Uint8Array(await readSettingFile(path, 'imaKeys'));
    keys.push(...checked(() => keysOf(content), path));
  }
  return checked(() => keys, paths.join(', '));
}

function checked(read: () => readonly Uint8Array[], where: string): readonly Uint8Array[] {
  try {
    const keys = read();
    createImaKeyring(keys);
    return keys;
  } catch (cause) {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `imaKeys: ${where}: expected certificates or public keys that can sign files`,
      { cause },
    );
  }
}

function keysOf(content: Uint8Array): readonly Uint8Array[] {
  if (!isPem(content)) return [derKey(content)];
  const text = decodeUtf8(content);
  return text.includes('-----BEGIN PUBLIC KEY-----')
    ? parsePemBlocks(text, 'PUBLIC KEY')
    : parsePemBlocks(text, 'CERTIFICATE').map((der) => parseCertificate(der).spki);
}

function derKey(der: Uint8Array): Uint8Array {
  try {
    return parseCertificate(der).spki;
  } catch (error) {
    if (error instanceof DecodeError) return der;
    throw error;
  }
}
