import { CmcError, toHex } from '@cmc/bytes';
import { encodeContext, encodeReport } from './codec/index.ts';
import type { Measurer, PreparedMeasurement, Signer, WaitOptions } from './contract.ts';
import { digest } from './crypto/index.ts';
import { signReport } from './sign/index.ts';
import type { Context, Evidence } from './types/report.ts';
import type { Serialization } from './types/serialization.ts';
import { requireNonce } from './verify/nonce.ts';
import { REPORT_VERSION } from './verify/read-report.ts';

/** How often a report is begun anew because what is measured changed in the meantime. */
export const MAX_MEASUREMENT_ATTEMPTS = 5;

/** What goes into a report. */
export interface GenerateOptions extends WaitOptions {
  /** Sources of evidence; at least one. */
  readonly measurers: readonly Measurer[];
  /** Freshness chosen by the verifier, 8 to 64 bytes. */
  readonly nonce: Uint8Array;
  /** Hash of the evidence nonce and of metadata digests. Default: `SHA-256`. */
  readonly hashAlg?: 'SHA-256' | 'SHA-384' | 'SHA-512';
  /** Signed metadata items (see `selectMetadata`), each JSON or CBOR. */
  readonly metadata?: readonly Uint8Array[];
  /** Hex digests of metadata that the verifier has: only listed, not embedded. */
  readonly cached?: readonly string[];
  /** Default: `cbor`. */
  readonly serialization?: Serialization;
  /** Name of this host, for display. */
  readonly name?: string;
  /** Signs the whole report. Default: only the evidence is signed. */
  readonly signer?: Signer;
}

/**
 * An encoded attestation report: metadata, collateral and evidence of all measurers, whose nonce
 * commits to everything else. Begins anew when a measurer finds that what it measures changed, at
 * most {@link MAX_MEASUREMENT_ATTEMPTS} times.
 *
 * @throws {RangeError} nonce of less than 8 or more than 64 bytes, no measurers
 * @throws {CmcError} `ERR_MEASUREMENT_STALE` when it changes all the time; what a measurer throws
 */
export async function generate(options: GenerateOptions): Promise<Uint8Array> {
  requireNonce(options.nonce);
  if (options.measurers.length === 0) {
    throw new RangeError('measurers: expected at least one, got none');
  }
  const { signer } = options;
  const encoded = await measure(options);
  return signer === undefined ? encoded : signReport(encoded, signer);
}

async function measure(options: GenerateOptions): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await measureOnce(options);
    } catch (error) {
      if (attempt === MAX_MEASUREMENT_ATTEMPTS || !isStale(error)) throw error;
    }
  }
}

async function measureOnce(options: GenerateOptions): Promise<Uint8Array> {
  const { measurers, serialization = 'cbor', hashAlg = 'SHA-256', name, signal } = options;
  const wait = signal === undefined ? {} : { signal };
  const prepared = await settle(measurers.map((measurer) => measurer.prepare(wait)));
  const context = makeContext(options, prepared);
  const encodedContext = encodeContext(context, serialization);
  const nonce = digest(hashAlg, encodedContext);
  const evidences = await settle<readonly Evidence[]>(
    prepared.map((measurement) => measurement.measure(nonce, wait)),
  );
  const report = {
    version: REPORT_VERSION,
    type: 'Attestation Report',
    ...(name === undefined ? {} : { name }),
    encoding: serialization === 'json' ? 'b64' : 'cbor',
    evidences: evidences.flat(),
    context,
  };
  return encodeReport(report, serialization, encodedContext);
}

function makeContext(options: GenerateOptions, prepared: readonly PreparedMeasurement[]): Context {
  const { nonce, hashAlg = 'SHA-256', metadata = [], cached = [] } = options;
  const items = new Map(metadata.map((item) => [toHex(digest(hashAlg, item)), item] as const));
  const known = new Set(cached.map((hex) => hex.toLowerCase()));
  const digests = [...items.keys()].sort();
  const embedded = [...items].filter(([key]) => !known.has(key));
  return {
    type: 'Context',
    alg: hashAlg,
    nonce,
    collateral: prepared.flatMap(({ collateral }) => collateral),
    digests,
    ...(embedded.length === 0 ? {} : { metadata: new Map(embedded) }),
  };
}

/** Waits for all, so that nothing is measured any more when this fails. */
async function settle<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  const results = await Promise.allSettled(promises);
  const reasons = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (reasons.length > 0) throw reasons.find((reason) => !isStale(reason)) ?? reasons[0];
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

function isStale(error: unknown): boolean {
  return error instanceof CmcError && error.code === 'ERR_MEASUREMENT_STALE';
}
