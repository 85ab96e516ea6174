import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { SNP_REPORT_BYTES } from '@cmc/attestationreport/snp';
import { SnpDriverError } from './errors.ts';
import { firmwareErrorText, vmmErrorText } from './firmware-errors.ts';
import type { RawReport, ReportSource } from './report-source.ts';
import { retried } from './retried.ts';

export const DEFAULT_DEVICE_PATH = '/dev/sev-guest';
const FIRST_PAUSE_MS = 25;
/** Before the report in a response: status, size, reserved (AMD 56860, MSG_REPORT_RSP). */
const RESPONSE_HEADER_BYTES = 32;
/** SNP_GUEST_VMM_ERR_BUSY: the host wants to be asked more slowly. */
const VMM_BUSY = 2;

/** What the addon says of a request: sources in `addon/`. */
export type NativeOutcome =
  | { readonly response: Uint8Array; readonly certificates: Uint8Array }
  | {
      readonly failed: 'open' | 'ioctl';
      readonly errno: number;
      readonly firmwareError: number;
      readonly vmmError: number;
    };

export interface NativeSevGuest {
  getReport(
    path: string,
    reportData: Uint8Array,
    vmpl: number,
    extended: boolean,
  ): Promise<NativeOutcome>;
}

/**
 * Reports through the ioctls of `/dev/sev-guest`, for kernels without configfs-tsm.
 * @throws {SnpDriverError} ERR_SNP_UNAVAILABLE the addon does not load
 */
export function createSevGuestSource(
  path: string = DEFAULT_DEVICE_PATH,
  native: NativeSevGuest = loadAddon(),
): ReportSource {
  return {
    name: 'sev-guest',
    report: (reportData, vmpl, options = {}) =>
      retried(() => request(path, native, reportData, vmpl), FIRST_PAUSE_MS, options),
  };
}

async function request(
  path: string,
  native: NativeSevGuest,
  reportData: Uint8Array,
  vmpl: number,
): Promise<RawReport | SnpDriverError> {
  const outcome = await native.getReport(path, Buffer.from(reportData), vmpl, true);
  if (!('failed' in outcome)) return readResponse(outcome.response, outcome.certificates);
  const error = failure(path, outcome);
  if (isTransient(outcome)) return error;
  throw error;
}

function readResponse(response: Uint8Array, certificates: Uint8Array): RawReport {
  const view = new DataView(response.buffer, response.byteOffset, response.byteLength);
  const status = view.getUint32(0, true);
  const size = view.getUint32(4, true);
  if (status !== 0) {
    throw new SnpDriverError(
      'ERR_SNP_FIRMWARE',
      `the firmware refused the report: ${firmwareErrorText(status)}`,
      { firmwareError: status },
    );
  }
  if (size !== SNP_REPORT_BYTES) {
    const message = `expected a report of ${SNP_REPORT_BYTES} bytes, got ${size}`;
    throw new SnpDriverError('ERR_SNP_REPORT', message);
  }
  const end = RESPONSE_HEADER_BYTES + SNP_REPORT_BYTES;
  return {
    report: new Uint8Array(response.subarray(RESPONSE_HEADER_BYTES, end)),
    certificates: new Uint8Array(certificates),
  };
}

type Failure = Extract<NativeOutcome, { failed: string }>;

function isTransient({ errno, vmmError }: Failure): boolean {
  const name = nameOf(errno);
  return vmmError === VMM_BUSY || name === 'EAGAIN' || name === 'EBUSY' || name === 'EINTR';
}

function failure(path: string, outcome: Failure): SnpDriverError {
  const { failed, errno, firmwareError, vmmError } = outcome;
  const reason = `${path}: ${failed} failed with ${nameOf(errno)}`;
  if (vmmError !== 0) {
    return new SnpDriverError('ERR_SNP_UNAVAILABLE', `${reason}: ${vmmErrorText(vmmError)}`);
  }
  if (firmwareError !== 0) {
    return new SnpDriverError(
      'ERR_SNP_FIRMWARE',
      `${reason}: ${firmwareErrorText(firmwareError)}`,
      {
        firmwareError,
      },
    );
  }
  return new SnpDriverError('ERR_SNP_UNAVAILABLE', reason);
}

function nameOf(errno: number): string {
  return errno === 0 ? 'no error' : getSystemErrorName(-errno);
}

function loadAddon(): NativeSevGuest {
  const target = `${process.platform}-${process.arch}`;
  const path = fileURLToPath(new URL(`../prebuilds/${target}/driver-snp.node`, import.meta.url));
  try {
    return createRequire(import.meta.url)(path) as NativeSevGuest;
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    const message = `the addon for ${target}, which ${DEFAULT_DEVICE_PATH} needs, does not load: ${reason}`;
    throw new SnpDriverError('ERR_SNP_UNAVAILABLE', message, { cause });
  }
}
