import { parseImaKeys, type VerifyOptions } from '@cmc/attestationreport';
import { parseRevocationLists } from '@cmc/attestationreport/snp';
import { type Certificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { decodeUtf8 } from '@cmc/bytes';
import {
  type EvidenceSettings,
  evidenceEntries,
  readSettingFile,
  readSettingFiles,
  UsageError,
} from '@cmc/host';
import type { CmcctlSettings } from '../settings.ts';

/** Options of `verify()` for every report, when there is no daemon. @throws {CmcError} */
export async function readDemands(settings: CmcctlSettings): Promise<Omit<VerifyOptions, 'nonce'>> {
  const { imaKeys, snpCrls } = settings;
  return {
    metadataRoots: await readRoots(settings.rootCas ?? []),
    tpmAllowTlsKeys: settings.tpmAllowTlsKeys ?? false,
    tpmAllowUncheckedBootAggregate: settings.tpmAllowUncheckedBootAggregate ?? false,
    ...(imaKeys === undefined
      ? {}
      : { imaKeys: await readSettingFiles(imaKeys, 'imaKeys', parseImaKeys) }),
    ...(snpCrls === undefined ? {} : { snpRevocationLists: await readSnpCrls(snpCrls) }),
  };
}

/** Refuses what a daemon cannot be asked for, and would leave out. @throws {UsageError} */
export function refuseWithDaemon(settings: CmcctlSettings, at: Date | undefined): void {
  if (at !== undefined) {
    throw new UsageError('at: a daemon verifies for now; another time needs --standalone');
  }
  const names = Object.keys(evidenceEntries) as (keyof EvidenceSettings)[];
  const given = names.filter((name) => settings[name] !== undefined);
  if (given.length === 0) return;
  throw new UsageError(
    `${given.join(', ')}: a daemon has settings of its own for that; others need --standalone`,
  );
}

async function readRoots(paths: readonly string[]): Promise<readonly Certificate[]> {
  if (paths.length === 0) throw new UsageError('verify --standalone needs root-cas');
  const texts = await Promise.all(paths.map((path) => readSettingFile(path, 'rootCas')));
  return texts.flatMap((text) => parsePemCertificates(decodeUtf8(text)));
}

async function readSnpCrls(paths: readonly string[]): Promise<readonly Uint8Array[]> {
  const lists = await readSettingFiles(paths, 'snpCrls', parseRevocationLists);
  return lists.map(({ raw }) => raw);
}
