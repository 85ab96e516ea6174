import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteWriter, toBase64 } from '@cmc/bytes';
import { type ImaEntry, imaAsciiToBinary, imaEntryDigest, parseImaList } from '@cmc/ima';
import { vectorsDir } from '@cmc/testkit';
import type { MeasuredFile } from './measured-tpm.ts';

const file = (name: string): string => join(vectorsDir(), 'ima', name);

/** Files (PEM) with the keys of the signed files: RSA for `dd`, secp256k1 for `zmore`. */
export const SIGNERS: readonly [rsa: string, secp256k1: string] = [
  file('keylime-signers.1.pem'),
  file('keylime-signers.2.pem'),
];

/** A list of IMA: two files without a signature, two with. Its boot_aggregate is of another machine. */
export const IMA_LIST: Uint8Array = imaAsciiToBinary(
  readFileSync(file('ima-sig-keylime-combined.txt'), 'utf8').replace(/^.* boot_aggregate .*\n/, ''),
);

export const IMA_ENTRIES: readonly ImaEntry[] = parseImaList(IMA_LIST, {
  bank: 'SHA-256',
}).entries;

/** The signed files of {@link IMA_LIST}, as a driver reports them that is asked for signatures. */
export function signedFiles(): readonly MeasuredFile[] {
  return parseImaList(IMA_LIST, { bank: 'SHA-256' })
    .entries.slice(3)
    .map((entry) => {
      const data = new ByteWriter();
      for (const content of entry.fields.values()) {
        data.bytes(littleEndian(content.length)).bytes(content);
      }
      return {
        name: entry.path,
        digest: imaEntryDigest(entry, { bank: 'SHA-256' }),
        isKnown: false,
        entry: `${entry.template} ${toBase64(data.finish())}`,
      };
    });
}

function littleEndian(length: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(length).buffer);
}
