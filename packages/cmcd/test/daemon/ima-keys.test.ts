import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@cmc/host';
import {
  createFakeCa,
  createFakeKeySync,
  type FakeKeyAlgorithm,
  spkiOf,
  toPem,
} from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { readImaKeys } from '../../src/daemon/ima-keys.ts';
import { SIGNERS } from '../support/signed-files.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startVerifier } from '../support/verifying-daemon.ts';
import { createWorld } from '../support/world.ts';

function fileOf(content: string | Uint8Array): string {
  const file = join(temporaryFolder(), 'key');
  writeFileSync(file, content);
  return file;
}

describe('readImaKeys', () => {
  test('takes public keys and certificates, PEM and DER, several of a kind in one file', async () => {
    const ca = createFakeCa();
    const [issued, more] = [await ca.issue(), await ca.issue({ keyAlgorithm: 'RSA2048' })];
    const keys = [spkiOf(issued.key), spkiOf(more.key)];
    const [key = new Uint8Array()] = keys;
    const pem = keys.map((each) => toPem(each, 'PUBLIC KEY')).join('');
    expect(await readImaKeys([fileOf(key)])).toEqual([key]);
    expect(await readImaKeys([fileOf(issued.certificate)])).toEqual([key]);
    expect(await readImaKeys([fileOf(`signers of files\n${pem}`)])).toEqual(keys);
    const certificates = issued.certificatePem + more.certificatePem;
    expect(await readImaKeys([fileOf(certificates)])).toEqual(keys);
    expect(await readImaKeys(SIGNERS)).toHaveLength(2);
  });

  const wrong = (algorithm: FakeKeyAlgorithm): string =>
    toPem(spkiOf(createFakeKeySync(algorithm)), 'PUBLIC KEY');
  const { privateKey } = createFakeKeySync();
  test.each<[string, string | Uint8Array, string]>([
    ['nothing', '', 'ERR_DECODE'],
    ['text', 'a key', 'ERR_DECODE'],
    ['a short RSA key', wrong('weak-RSA1024'), 'RSA key of 1024 bits'],
    ['an Ed25519 key', wrong('Ed25519'), 'key algorithm'],
    ['a key on another curve', wrong('weak-EC224'), 'unknown curve'],
    ['a key and more', Uint8Array.of(...spkiOf(createFakeKeySync()), 0), 'ERR_DECODE_TRAILING'],
    [
      'a private key',
      privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      'expected a block with the label CERTIFICATE',
    ],
    [
      'a public key and a certificate',
      wrong('weak-secp256k1') + createFakeCa().pem,
      'expected a block with the label PUBLIC KEY',
    ],
  ])('refuses a file with %s: it names the file and the reason', async (_, content, reason) => {
    const file = fileOf(content);
    const error: unknown = await readImaKeys([SIGNERS[0], file]).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    const { code, message, cause } = error as ConfigError;
    expect(code).toBe('ERR_CONFIG_VALUE');
    expect(message).toContain(`imaKeys: ${file}:`);
    const { code: why, message: text } = cause as ConfigError;
    expect(`${why} ${text}`).toContain(reason);
  });

  test('refuses more keys than a keyring has', async () => {
    const pem = readFileSync(SIGNERS[1], 'utf8').repeat(513);
    await expect(readImaKeys([fileOf(pem), fileOf(pem)])).rejects.toMatchObject({
      code: 'ERR_CONFIG_VALUE',
    });
  });
});

test('a daemon does not start with a key that is missing or cannot sign files', async () => {
  const world = await createWorld();
  const ed25519 = fileOf(toPem(spkiOf(createFakeKeySync('Ed25519')), 'PUBLIC KEY'));
  await expect(startVerifier(world, { imaKeys: [ed25519] })).rejects.toMatchObject({
    code: 'ERR_CONFIG_VALUE',
  });
  await expect(startVerifier(world, { imaKeys: ['/nonexistent'] })).rejects.toMatchObject({
    code: 'ERR_CONFIG_UNREADABLE',
  });
});
