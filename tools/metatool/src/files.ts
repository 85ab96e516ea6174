import { readFile } from 'node:fs/promises';
import { type Certificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { decodeUtf8 } from '@cmc/bytes';
import { UsageError, writeFileAtomic } from '@cmc/host';

/** Contents of an input file. @throws {UsageError} */
export async function readInput(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new UsageError(`cannot read ${path}`, { cause: error });
  }
}

/** All certificates of PEM files. @throws {UsageError} */
export async function readCertificates(paths: readonly string[]): Promise<readonly Certificate[]> {
  const certificates: Certificate[] = [];
  for (const path of paths) {
    const text = decodeUtf8(await readInput(path), path);
    try {
      certificates.push(...parsePemCertificates(text));
    } catch (error) {
      throw new UsageError(`${path}: expected certificates in PEM`, { cause: error });
    }
  }
  return certificates;
}

/** Writes a result to a file, whole or not at all, or to standard output without `path`. */
export async function writeOutput(path: string | undefined, bytes: Uint8Array): Promise<void> {
  if (path === undefined) {
    process.stdout.write(bytes);
    return;
  }
  try {
    await writeFileAtomic(path, bytes, { mode: 0o644 });
  } catch (error) {
    throw new UsageError(`cannot write ${path}`, { cause: error });
  }
}

/** Parts of a comma list; nothing for an absent one. */
export function commaList(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(',');
}
