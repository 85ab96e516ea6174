import { DecodeError } from '@cmc/bytes';
import { readSettingFile, UsageError } from '@cmc/host';
import { decodeResult } from '../explain/read-result.ts';
import { manifestChanges } from './manifest-changes.ts';
import { readReport, reportEntries } from './report-entries.ts';
import { resultEntries } from './result-entries.ts';
import { type Change, compareEntries } from './snapshot.ts';

/** What two files are, and what differs. */
export interface Difference {
  readonly kind: 'reports' | 'results' | 'report and manifests';
  readonly changes: readonly Change[];
}

/**
 * Compares two results, or two reports, or a report with all of its manifests: then `removed` is a
 * reference value that was not measured, `added` what was measured without one. Nothing is verified.
 * @throws {UsageError} a result and a report, which have nothing to compare
 */
export async function diffFiles(files: readonly string[]): Promise<Difference> {
  const [first, second, ...others] = await Promise.all(
    files.map(async (file) => new Uint8Array(await readSettingFile(file, 'file'))),
  );
  if (first === undefined || second === undefined) throw new UsageError('diff needs two files');
  const [from, to] = [decodeResult(first), decodeResult(second)];
  if (from !== undefined && to !== undefined && others.length === 0) {
    return { kind: 'results', changes: compareEntries(resultEntries(from), resultEntries(to)) };
  }
  if (from !== undefined || to !== undefined) {
    throw new UsageError('diff: expected two results, two reports, or a report and its manifests');
  }
  if (others.length === 0 && isReport(second)) {
    return {
      kind: 'reports',
      changes: compareEntries(reportEntries(first), reportEntries(second)),
    };
  }
  return { kind: 'report and manifests', changes: manifestChanges(first, [second, ...others]) };
}

function isReport(bytes: Uint8Array): boolean {
  try {
    readReport(bytes);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}
