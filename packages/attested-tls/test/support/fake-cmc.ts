import type { CallOptions, Cmc, VerificationRequest } from '@cmc/api';
import type { AttestationResult } from '@cmc/attestationreport';
import { concatBytes, encodeUtf8, equalBytes } from '@cmc/bytes';

const MARK = encodeUtf8('fake report ');
const NONCE_BYTES = 32;
const GOOD = 'good software';

/** What a {@link fakeCmc} does otherwise than well. */
export interface FakeCmcOptions {
  /** What is attested; only `good software` is trusted by anyone. */
  readonly name?: string;
  /** Bytes that follow in each report, to make it large. */
  readonly padding?: number;
  readonly status?: string;
  readonly cache?: readonly string[];
  /** Runs first in each operation: to fail, to wait, to watch. */
  readonly before?: (operation: string, options: CallOptions | undefined) => Promise<void> | void;
}

export interface FakeCmc extends Cmc {
  /** Requests so far, oldest first. */
  readonly calls: { readonly operation: string; readonly request: unknown }[];
}

/**
 * A daemon in memory. Its report is `fake report ` || nonce || name || 0 || padding; it believes a
 * report that is whole, carries the nonce and names good software.
 */
export function fakeCmc(options: FakeCmcOptions = {}): FakeCmc {
  const calls: { operation: string; request: unknown }[] = [];
  const enter = async (operation: string, request: unknown, call?: CallOptions): Promise<void> => {
    calls.push({ operation, request });
    await options.before?.(operation, call);
  };
  const unused = (): never => {
    throw new Error('not part of a handshake');
  };
  return {
    calls,
    async attest(request, call) {
      await enter('attest', request, call);
      return { report: fakeReport(request.nonce, options.name, options.padding) };
    },
    async verify(request, call) {
      await enter('verify', request, call);
      return { result: fakeResult(options.status ?? judge(request), request) };
    },
    async peerCache(request, call) {
      await enter('peerCache', request, call);
      return { cache: options.cache ?? [] };
    },
    tlsCreate: unused,
    tlsSign: unused,
    tlsCert: unused,
    measure: unused,
    updateCerts: unused,
    updateMetadata: unused,
  };
}

export function fakeReport(nonce: Uint8Array, name = GOOD, padding = 0): Uint8Array {
  return concatBytes(
    MARK,
    nonce,
    encodeUtf8(name),
    Uint8Array.of(0),
    new Uint8Array(padding).fill(0x55),
  );
}

function judge({ report, nonce }: VerificationRequest): 'success' | 'fail' {
  const nonceAt = MARK.length;
  const nameAt = nonceAt + NONCE_BYTES;
  const nameEnd = report.indexOf(0, nameAt);
  const isWhole =
    equalBytes(report.subarray(0, nonceAt), MARK) &&
    nameEnd > nameAt &&
    report.subarray(nameEnd + 1).every((byte) => byte === 0x55);
  const isFresh = equalBytes(report.subarray(nonceAt, nameAt), nonce);
  const isGood = equalBytes(report.subarray(nameAt, nameEnd), encodeUtf8(GOOD));
  return isWhole && isFresh && isGood ? 'success' : 'fail';
}

function fakeResult(status: string, request: VerificationRequest): AttestationResult {
  const check = { status };
  return {
    version: '3.4.0',
    type: 'Attestation Result',
    summary: check,
    prover: {
      ...(request.peer === undefined ? {} : { peerId: request.peer }),
      ...(request.peerAddr === undefined ? {} : { ip: request.peerAddr }),
    },
    verifier: {},
    freshness: check,
    certLevel: 1,
    measurements: null,
    metadata: {
      imageDescriptionResult: {
        type: 'Image Description',
        name: 'fake',
        version: '',
        summary: check,
        validityCheck: check,
      },
      manifestResults: null,
      compatibilityResult: { result: check },
    },
  };
}
