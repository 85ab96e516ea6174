import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SNP_REPORT_BYTES } from '@cmc/attestationreport/snp';
import { SnpDriverError } from './errors.ts';
import type { RawReport, ReportSource } from './report-source.ts';
import { MAX_ATTEMPTS, retried } from './retried.ts';

/** Where Linux 6.7 and later offer reports (Documentation/ABI/testing/configfs-tsm-report). */
export const DEFAULT_CONFIGFS_PATH = '/sys/kernel/config/tsm/report';
const PROVIDER = 'sev_guest';
/** Writes of a request: `privlevel` and `inblob`. Each raises `generation` by one. */
const WRITES = 2;
const FIRST_PAUSE_MS = 10;
/** Longest certificate table that is read. */
const MAX_AUXILIARY_BYTES = 262_144;
/** The kernel is busy, or the request was changed meanwhile. */
const TRANSIENT: ReadonlySet<string> = new Set(['EBUSY', 'EAGAIN', 'EWOULDBLOCK', 'EINTR']);

/** The file operations that are used; tests bring a kernel of their own. */
export interface ConfigfsFiles {
  mkdir(path: string): Promise<unknown>;
  rmdir(path: string): Promise<void>;
  read(path: string): Promise<Uint8Array>;
  write(path: string, data: Uint8Array): Promise<void>;
}

/** Reports through configfs: plain files, no native code. */
export function createConfigfsSource(
  path: string = DEFAULT_CONFIGFS_PATH,
  files: ConfigfsFiles = realFiles,
): ReportSource {
  return {
    name: 'configfs-tsm',
    report: (reportData, vmpl, options = {}) =>
      retried(() => request(path, files, reportData, vmpl), FIRST_PAUSE_MS, options),
  };
}

async function request(
  path: string,
  files: ConfigfsFiles,
  reportData: Uint8Array,
  vmpl: number,
): Promise<RawReport | SnpDriverError> {
  const entry = await makeEntry(path, files);
  try {
    return (await readReport(entry, files, reportData, vmpl)) ?? busy();
  } catch (cause) {
    if (isTransient(cause)) return busy(cause);
    throw failure(entry, cause);
  } finally {
    // Nobody else knows its name, and the kernel keeps a report for each.
    await files.rmdir(entry).catch(() => {});
  }
}

/** `undefined` when somebody else wrote to the entry meanwhile. */
async function readReport(
  entry: string,
  files: ConfigfsFiles,
  reportData: Uint8Array,
  vmpl: number,
): Promise<RawReport | undefined> {
  const provider = await readText(entry, 'provider', files);
  if (provider !== PROVIDER) {
    throw new SnpDriverError(
      'ERR_SNP_UNAVAILABLE',
      `${entry}: expected provider ${PROVIDER}, got ${provider}`,
    );
  }
  const before = await readGeneration(entry, files);
  await files.write(join(entry, 'privlevel'), new TextEncoder().encode(String(vmpl)));
  await files.write(join(entry, 'inblob'), reportData);
  const report = await files.read(join(entry, 'outblob'));
  const certificates = await readAuxiliary(entry, files);
  if ((await readGeneration(entry, files)) !== before + WRITES) return undefined;
  if (report.length < SNP_REPORT_BYTES) {
    throw new SnpDriverError(
      'ERR_SNP_REPORT',
      `${entry}: expected a report of ${SNP_REPORT_BYTES} bytes, got ${report.length}`,
    );
  }
  return { report: report.slice(0, SNP_REPORT_BYTES), certificates };
}

async function makeEntry(path: string, files: ConfigfsFiles): Promise<string> {
  const entry = join(path, `cmc-${process.pid}-${randomBytes(8).toString('hex')}`);
  try {
    await files.mkdir(entry);
    return entry;
  } catch (cause) {
    throw failure(entry, cause);
  }
}

/** Kernels without certificates from the host have no such file, or an empty one. */
async function readAuxiliary(entry: string, files: ConfigfsFiles): Promise<Uint8Array> {
  try {
    const table = await files.read(join(entry, 'auxblob'));
    if (table.length <= MAX_AUXILIARY_BYTES) return table;
    throw new SnpDriverError(
      'ERR_SNP_REPORT',
      `${entry}/auxblob: ${table.length} bytes, at most ${MAX_AUXILIARY_BYTES} are accepted`,
    );
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return new Uint8Array();
    throw error;
  }
}

async function readGeneration(entry: string, files: ConfigfsFiles): Promise<number> {
  const text = await readText(entry, 'generation', files);
  if (/^\d+$/.test(text)) return Number(text);
  throw new SnpDriverError(
    'ERR_SNP_REPORT',
    `${entry}/generation: expected a number, got ${JSON.stringify(text)}`,
  );
}

async function readText(entry: string, name: string, files: ConfigfsFiles): Promise<string> {
  const bytes = await files.read(join(entry, name));
  return new TextDecoder().decode(bytes.subarray(0, 64)).trim();
}

const realFiles: ConfigfsFiles = {
  mkdir: (path) => mkdir(path),
  rmdir: (path) => rmdir(path),
  read: async (path) => new Uint8Array(await readFile(path)),
  async write(path, data) {
    // Neither created nor truncated: it is there, and one write is one request.
    const file = await open(path, constants.O_WRONLY);
    try {
      await file.write(data);
    } finally {
      await file.close();
    }
  },
};

function isTransient(error: unknown): boolean {
  return TRANSIENT.has(codeOf(error) ?? '');
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function failure(entry: string, cause: unknown): SnpDriverError {
  if (cause instanceof SnpDriverError) return cause;
  const code = codeOf(cause);
  const reason = cause instanceof Error ? cause.message : String(cause);
  // The firmware's refusals come as EIO, those of the arguments as EINVAL.
  if (code === 'EIO' || code === 'EINVAL') {
    return new SnpDriverError('ERR_SNP_FIRMWARE', `no report: ${reason}`, { cause });
  }
  return new SnpDriverError('ERR_SNP_UNAVAILABLE', `no report at ${entry}: ${reason}`, { cause });
}

function busy(cause?: unknown): SnpDriverError {
  const message = `configfs-tsm is busy: no report in ${MAX_ATTEMPTS} attempts`;
  return new SnpDriverError('ERR_SNP_UNAVAILABLE', message, cause === undefined ? {} : { cause });
}
