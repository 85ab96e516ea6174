import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeUtf8 } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { type Certificate, parseCertificate, parsePemCertificates } from '../../src/x509/index.ts';

/** A case of the vectors of SNP reports and of Azure evidence. */
export interface SnpCase {
  readonly id: string;
  readonly kind: string;
  readonly file: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly expected: {
    readonly verdict: string;
    readonly signature?: string;
    readonly chain?: string;
    readonly tcbInCertMatchesReport?: boolean;
    readonly hwidMatchesChipId?: boolean;
    readonly verifyAt?: string;
    readonly runtimeDataBoundToReport?: boolean;
    readonly snpSignature?: string;
    readonly snpChain?: string;
  };
  readonly facts?: { readonly report?: Readonly<Record<string, unknown>> };
}

export function snpCases(set: 'snp' | 'azure' = 'snp'): readonly SnpCase[] {
  const index = JSON.parse(readFileSync(join(vectorsDir(), set, 'index.json'), 'utf8')) as {
    readonly entries: readonly SnpCase[];
  };
  return index.entries;
}

export function caseOf(id: string): SnpCase {
  const found = snpCases().find((entry) => entry.id === id);
  if (found === undefined) throw new Error(`no vector ${id}`);
  return found;
}

export function bytesOf(path: string, set: 'snp' | 'azure' = 'snp'): Uint8Array {
  const where = path.startsWith('trust-anchors/') ? path : join(set, path);
  return new Uint8Array(readFileSync(join(vectorsDir(), where)));
}

export function certificateOf(path: string, set: 'snp' | 'azure' = 'snp'): Certificate {
  const bytes = bytesOf(path, set);
  return bytes[0] === 0x30 ? parseCertificate(bytes) : parsePemCertificates(decodeUtf8(bytes))[0]!;
}

/** The certificates of a case, leaf first, those that it has. */
export function certificatesOf(
  { files = {} }: SnpCase,
  set: 'snp' | 'azure' = 'snp',
): readonly Certificate[] {
  const { vcek, vlek, intermediate, root } = files;
  return [vcek ?? vlek, intermediate, root].flatMap((path) =>
    path === undefined ? [] : [certificateOf(path, set)],
  );
}

export function timeOf({ expected }: SnpCase): Date {
  return new Date(expected.verifyAt ?? '2022-05-26T16:37:49Z');
}
