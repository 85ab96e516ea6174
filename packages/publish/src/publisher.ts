import type { AttestationResult, WaitOptions } from '@cmc/attestationreport';
import { attestationResultSchema, encodeStruct } from '@cmc/attestationreport/codec';
import { decodeUtf8, type Logger, silentLogger } from '@cmc/bytes';
import { writeFileAtomic } from '@cmc/host';
import { readCredentials } from './credentials.ts';
import { detectionFinding, unauthorizedArtifacts } from './detection-finding.ts';
import { PublishError } from './errors.ts';
import { indentJson } from './indent-json.ts';
import { DEFAULT_TIMEOUT_MS, MAX_CONCURRENT_FINDINGS, MAX_FINDINGS } from './limits.ts';
import { networkEvent } from './network-event.ts';
import { postJson } from './post-json.ts';
import type { PublishSettings } from './settings.ts';
import { displayUrl, targetUrl } from './target-url.ts';

/** Settings as in the config files; what is not set is no target. */
export interface PublisherOptions extends PublishSettings {
  /** Certificates, PEM, that servers' chains have to end in. Default: those of Node.js. */
  readonly roots?: readonly string[];
  /** Time for one request, ms. Default 15 s. */
  readonly timeoutMs?: number;
  /** Gets a warning for each target that failed. */
  readonly logger?: Logger;
}

export type PublishTarget = 'file' | 'results' | 'ocsf' | 'network';

/** What became of one target. */
export interface PublishOutcome {
  readonly target: PublishTarget;
  /** Path, or URL without its query. */
  readonly location: string;
  /** Files written, or messages that the server took: none when there was nothing to say. */
  readonly sent: number;
  /** Why not everything arrived. */
  readonly error?: PublishError;
}

export interface Publisher {
  /** What became of each target that is set; never rejects. */
  publish(result: AttestationResult, wait?: WaitOptions): Promise<readonly PublishOutcome[]>;
}

/** One result on its way. */
interface Publication {
  readonly result: AttestationResult;
  /** The result as JSON. */
  json(): string;
  post(url: URL, json: string): Promise<void>;
}

interface Target {
  readonly target: PublishTarget;
  readonly location: string;
  /** Calls `arrived` for all that arrives. */
  deliver(publication: Publication, arrived: () => void): Promise<void>;
}

/**
 * Publishes attestation results: a file, the result, OCSF findings, network events.
 * @throws {TypeError} a URL that is none, not https (but on loopback), or has credentials; a
 *   certificate without key, or a key without certificate
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const { publishCert, publishKey, roots, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  if ((publishCert === undefined) !== (publishKey === undefined)) {
    throw new TypeError('publishCert and publishKey: expected both or none');
  }
  const targets = targetsOf(options);
  const logger = options.logger ?? silentLogger;

  return {
    publish: async (result, { signal } = {}) => {
      const credentials = once(async () => await readCredentials(options, roots));
      const publication: Publication = {
        result,
        json: once(() => decodeUtf8(encodeStruct(attestationResultSchema, result, 'json'))),
        post: async (url, json) => {
          await postJson(url, json, { credentials: await credentials(), timeoutMs, signal });
        },
      };
      return await Promise.all(
        targets.map(async (target) => {
          const outcome = await outcomeOf(target, publication);
          const { location, error } = outcome;
          if (error !== undefined) {
            logger.warn({ target: target.target, location, error }, 'could not publish a result');
          }
          return outcome;
        }),
      );
    },
  };
}

function targetsOf(options: PublishSettings): readonly Target[] {
  const { publishFile, publishResults, publishOcsf, publishNetwork } = options;
  const at = (
    target: PublishTarget,
    text: string,
    setting: string,
    deliver: (url: URL, publication: Publication, arrived: () => void) => Promise<void>,
  ): Target => {
    const url = targetUrl(text, setting);
    return { target, location: displayUrl(url), deliver: (...args) => deliver(url, ...args) };
  };
  return [
    ...(publishFile === undefined ? [] : [fileTarget(publishFile)]),
    ...(publishResults === undefined
      ? []
      : [at('results', publishResults, 'publishResults', deliverResult)]),
    ...(publishOcsf === undefined ? [] : [at('ocsf', publishOcsf, 'publishOcsf', deliverFindings)]),
    ...(publishNetwork === undefined
      ? []
      : [at('network', publishNetwork, 'publishNetwork', deliverNetworkEvent)]),
  ];
}

function fileTarget(path: string): Target {
  return {
    target: 'file',
    location: path,
    deliver: async ({ json }, arrived) => {
      const text = `${indentJson(json())}\n`;
      try {
        await writeFileAtomic(path, text, { mode: 0o644 });
      } catch (cause) {
        throw new PublishError('ERR_PUBLISH_FILE', `cannot write ${path}`, { cause });
      }
      arrived();
    },
  };
}

async function deliverResult(
  url: URL,
  { json, post }: Publication,
  arrived: () => void,
): Promise<void> {
  await post(url, json());
  arrived();
}

async function deliverNetworkEvent(
  url: URL,
  { result, post }: Publication,
  arrived: () => void,
): Promise<void> {
  const event = networkEvent(result);
  if (event === undefined) return;
  await post(url, JSON.stringify(event));
  arrived();
}

async function deliverFindings(
  url: URL,
  { result, post }: Publication,
  arrived: () => void,
): Promise<void> {
  const artifacts = unauthorizedArtifacts(result);
  const rest = artifacts.slice(0, MAX_FINDINGS);
  // The first failure ends it: the next finding would wait for the same dead server again.
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined && !failed; next = rest.shift()) {
      try {
        await post(url, JSON.stringify(detectionFinding(next, result)));
      } catch (error) {
        failed = true;
        throw error;
      }
      arrived();
    }
  };
  const outcomes = await Promise.allSettled(
    Array.from({ length: MAX_CONCURRENT_FINDINGS }, worker),
  );
  const failure = outcomes.find(({ status }) => status === 'rejected');
  if (failure?.status === 'rejected') throw failure.reason;
  if (artifacts.length > MAX_FINDINGS) {
    const message = `sent ${MAX_FINDINGS} findings, the first of ${artifacts.length}`;
    throw new PublishError('ERR_PUBLISH_LIMIT', message);
  }
}

async function outcomeOf(target: Target, publication: Publication): Promise<PublishOutcome> {
  let sent = 0;
  const outcome = (error?: PublishError): PublishOutcome => ({
    target: target.target,
    location: target.location,
    sent,
    ...(error === undefined ? {} : { error }),
  });
  try {
    if (!publication.result.prover.hostname) {
      throw new PublishError('ERR_PUBLISH_PROVER', 'the result does not name its prover');
    }
    await target.deliver(publication, () => void sent++);
    return outcome();
  } catch (cause) {
    if (cause instanceof PublishError) return outcome(cause);
    const message = `not a result: ${cause instanceof Error ? cause.message : String(cause)}`;
    return outcome(new PublishError('ERR_PUBLISH_RESULT', message, { cause }));
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
