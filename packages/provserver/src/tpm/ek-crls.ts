import { readFile, stat } from 'node:fs/promises';
import {
  parseRevocationList,
  type RevocationList,
  revocationProblem,
} from '@cmc/attestationreport/snp';
import { type Certificate, parsePemBlocks } from '@cmc/attestationreport/x509';
import { equalBytes, type Logger } from '@cmc/bytes';
import { ProvError } from '../errors.ts';
import { MAX_IMPORT_BYTES } from './limits.ts';

/** Revocation lists of TPM vendors, as the operator got them. */
export interface EkCrls {
  /** Those that are in the files now. */
  current(): Promise<readonly RevocationList[]>;
}

/** Of a file when it was read. */
interface ReadFile {
  readonly version: string;
  readonly lists: readonly RevocationList[];
}

const LABEL = 'X509 CRL';
const SEQUENCE = 0x30;

/**
 * The lists in files, DER or PEM, which are read again when they change: lists end, and servers run
 * on. A new file that cannot be read is logged, and the lists before it stay until their end.
 * @throws {ProvError} ERR_PROV_CONFIG: one of the files cannot be used now
 */
export async function openEkCrls(paths: readonly string[], logger: Logger): Promise<EkCrls> {
  const files = new Map<string, ReadFile>();
  for (const path of paths) files.set(path, await readLists(path, await versionOf(path)));
  const update = async (path: string, before: ReadFile): Promise<readonly RevocationList[]> => {
    try {
      const version = await versionOf(path);
      const file = version === before.version ? before : await readLists(path, version);
      files.set(path, file);
      return file.lists;
    } catch (error) {
      logger.error({ path, error }, 'a revocation list of endorsement keys cannot be read');
      return before.lists;
    }
  };
  return {
    current: async () =>
      (await Promise.all([...files].map(([path, before]) => update(path, before)))).flat(),
  };
}

/**
 * Why lists do not clear an endorsement certificate with its authorities: there has to be a list of
 * its issuer; whoever else in the chain has lists is held to them, too.
 */
export async function ekRevocationProblem(
  chains: readonly (readonly Certificate[])[],
  lists: readonly RevocationList[],
  now: Date,
): Promise<string | undefined> {
  const isListed = ({ subjectName }: Certificate): boolean =>
    lists.some(({ issuerName }) => equalBytes(issuerName.raw, subjectName.raw));
  for (const chain of chains) {
    for (const [index, certificate] of chain.entries()) {
      const issuer = chain[index + 1];
      if (issuer === undefined || (index > 0 && !isListed(issuer))) continue;
      const problem = await revocationProblem(certificate, issuer, lists, now);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

async function versionOf(path: string): Promise<string> {
  return await usable(path, async () => {
    const { ino, size, mtimeMs } = await stat(path);
    if (size > MAX_IMPORT_BYTES) throw new RangeError(`more than ${MAX_IMPORT_BYTES} bytes`);
    return `${ino} ${size} ${mtimeMs}`;
  });
}

async function readLists(path: string, version: string): Promise<ReadFile> {
  return await usable(path, async () => {
    const content = await readFile(path);
    const isDer = content[0] === SEQUENCE;
    const lists = isDer ? [new Uint8Array(content)] : parsePemBlocks(content.toString(), LABEL);
    return { version, lists: lists.map(parseRevocationList) };
  });
}

async function usable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProvError('ERR_PROV_CONFIG', `ekCrls: ${path}: ${reason}`, { cause });
  }
}
