import { createHash } from 'node:crypto';
import type { Artifact, Component } from '@cmc/attestationreport';
import { concatBytes, equalBytes } from '@cmc/bytes';
import { SoftwareDriverError } from '../errors.ts';

export const EVENT_LOG_TYPE = 'SW Eventlog';
const SHA256 = 'SHA-256';
export const SHA256_BYTES = 32;
const MAX_INDEX = 0xffff_ffff;

/** What a container log needs of an event. */
export interface EventKey {
  readonly index: number;
  /** Its only SHA-256 hash: the template hash of a container. */
  readonly hash: Uint8Array;
}

/**
 * Index and hash of an event that is to be recorded.
 * @throws {SoftwareDriverError} ERR_CONTAINER_LOG_EVENT
 */
export function eventKey(event: Component): EventKey {
  const hash = eventHash(event);
  if (hash === undefined) throw badEvent(`expected one ${SHA256} hash of ${SHA256_BYTES} bytes`);
  const { ctrData } = event;
  if (
    ctrData !== undefined &&
    !equalBytes(templateHash(ctrData.configSha256, ctrData.rootfsSha256), hash)
  ) {
    throw badEvent('its hash is not that of its container data');
  }
  return { index: eventIndex(event), hash };
}

/** The SHA-256 hash of a component, or `undefined` when it does not have exactly one. */
export function eventHash(event: Component): Uint8Array | undefined {
  const hashes = (event.hashes ?? []).filter(({ alg }) => alg.toUpperCase() === SHA256);
  const [hash] = hashes;
  return hashes.length === 1 && hash?.content.length === SHA256_BYTES ? hash.content : undefined;
}

/** What is recorded of a container: the hash over those of its configuration and its files. */
export function templateHash(configSha256: Uint8Array, rootfsSha256: Uint8Array): Uint8Array {
  return sha256(configSha256, rootfsSha256);
}

/** The hash chain over a log: each link is the hash of the one before and of one event. */
export function aggregate(log: Artifact | undefined): Uint8Array {
  return (log?.events ?? []).reduce<Uint8Array>(
    (link, event) => sha256(link, eventHash(event) ?? new Uint8Array()),
    new Uint8Array(SHA256_BYTES),
  );
}

function eventIndex(event: Component): number {
  const values = (event.properties ?? []).filter(({ name }) => name === 'cmc.index');
  const [property] = values;
  const index = Number(property?.value);
  if (values.length !== 1 || !/^(0|[1-9]\d*)$/.test(property?.value ?? '') || index > MAX_INDEX) {
    throw badEvent(`expected one property cmc.index with a decimal number up to ${MAX_INDEX}`);
  }
  return index;
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(concatBytes(...parts))
      .digest(),
  );
}

function badEvent(message: string): SoftwareDriverError {
  return new SoftwareDriverError('ERR_CONTAINER_LOG_EVENT', `event: ${message}`);
}
