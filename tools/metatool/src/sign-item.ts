import type { Serialization, Signer } from '@cmc/attestationreport';
import { signPayload } from '@cmc/attestationreport/sign';
import { decodeUtf8 } from '@cmc/bytes';
import { softwareSigner } from '@cmc/driver-sw';
import { UsageError } from '@cmc/host';
import type { Command } from 'commander';
import { commaList, readCertificates, readInput } from './files.ts';

/** Flags that say who signs. */
export interface SigningFlags {
  readonly keys?: string;
  readonly x5cs?: string;
}

/** Adds {@link SigningFlags} to a command. */
export function addSigningFlags(command: Command): Command {
  return command
    .option('--keys <key,…>', 'private keys (PEM), one for each signature')
    .option(
      '--x5cs <leaf,ca:…>',
      'certificate chains (PEM files), one for each key, ":" between them',
    );
}

/** `item` signed by the keys that the flags name; as it is without keys. */
export async function signItem(
  item: Uint8Array,
  flags: SigningFlags,
  serialization: Serialization,
): Promise<Uint8Array> {
  const signers = await readSigners(flags);
  return signers.length === 0 ? item : await signPayload(item, signers, serialization);
}

/** The signers that the flags name. @throws {UsageError} */
export async function readSigners(flags: SigningFlags): Promise<readonly Signer[]> {
  const keys = commaList(flags.keys);
  const chains = flags.x5cs === undefined ? [] : flags.x5cs.split(':');
  if (keys.length !== chains.length) {
    throw new UsageError(
      `--keys names ${keys.length} keys, --x5cs ${chains.length} certificate chains: expected one chain for each key`,
    );
  }
  return await Promise.all(keys.map((key, i) => readSigner(key, commaList(chains[i]))));
}

async function readSigner(keyPath: string, chainPaths: readonly string[]): Promise<Signer> {
  const chain = await readCertificates(chainPaths);
  const privateKey = decodeUtf8(await readInput(keyPath), keyPath);
  const signer = ((): Signer => {
    try {
      return softwareSigner({ privateKey, certificateChain: chain.map(({ raw }) => raw) });
    } catch (error) {
      throw new UsageError(`${keyPath}: cannot sign with this key and chain`, { cause: error });
    }
  })();
  return signer;
}
