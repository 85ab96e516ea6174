import { type BigIntStats, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Artifact, Component, WaitOptions } from '@cmc/attestationreport';
import { artifactSchema, decodeStruct, encodeStruct } from '@cmc/attestationreport/codec';
import { CmcError, equalBytes } from '@cmc/bytes';
import { removeTemporaries, writeFileAtomic } from '@cmc/host/files';
import { SoftwareDriverError } from '../errors.ts';
import { LockTimeout, withFileLock } from '../file/file-lock.ts';
import { unlessMissing } from '../file/fs-errors.ts';
import { EVENT_LOG_TYPE, eventHash, eventKey } from './event.ts';

/** Size of the file of a container log. */
export const MAX_LOG_BYTES: number = 16 * 1024 * 1024;
/** Events of a container log. */
export const MAX_LOG_EVENTS = 4096;
const LOCK_TIMEOUT_MS = 10_000;

export interface ContainerLogOptions {
  /** The file. Its folder must exist. */
  readonly path: string;
  /** Index that events must have. Default: that of the first event. */
  readonly index?: number;
}

/** The measured containers of this computer, in the order of their first start. */
export interface ContainerLog {
  /**
   * The whole log, or `undefined` as long as nothing was recorded.
   * @throws {SoftwareDriverError} ERR_CONTAINER_LOG_FORMAT, ERR_CONTAINER_LOG_LIMIT
   */
  read(options?: WaitOptions): Promise<Artifact | undefined>;
  /**
   * Records an event on disk, unless the log has one with the same hash. Whoever appends at the
   * same time, here or in another process, waits.
   * @throws {SoftwareDriverError} ERR_CONTAINER_LOG_EVENT, ERR_CONTAINER_LOG_INDEX,
   *   ERR_CONTAINER_LOG_LIMIT, ERR_CONTAINER_LOG_BUSY, ERR_CONTAINER_LOG_FORMAT
   */
  append(event: Component, options?: WaitOptions): Promise<'appended' | 'known'>;
}

/** The container log in a file. Reads JSON and CBOR, writes JSON. */
export function openContainerLog(options: ContainerLogOptions): ContainerLog {
  return new FileContainerLog(options);
}

class FileContainerLog implements ContainerLog {
  readonly #path: string;
  readonly #index: number | undefined;
  #lastAppend: Promise<unknown> = Promise.resolve();
  #lastRead: { readonly version: string; readonly log: Artifact } | undefined;

  constructor({ path, index }: ContainerLogOptions) {
    this.#path = path;
    this.#index = index;
  }

  async read({ signal }: WaitOptions = {}): Promise<Artifact | undefined> {
    signal?.throwIfAborted();
    const version = currentVersion(this.#path);
    if (version === undefined) return undefined;
    if (this.#lastRead?.version === version) return this.#lastRead.log;
    const file = await readLimited(this.#path);
    if (file === undefined) return undefined;
    const log = decodeLog(file.bytes, this.#path);
    this.#lastRead = { version: file.version, log };
    return log;
  }

  async append(event: Component, options: WaitOptions = {}): Promise<'appended' | 'known'> {
    const { index, hash } = eventKey(event);
    // Within this process appends queue up in order, so that only one at a time polls for the lock.
    const appended = this.#lastAppend.then(() => this.#append(event, index, hash, options));
    this.#lastAppend = appended.catch(() => undefined);
    return await appended;
  }

  async #append(
    event: Component,
    index: number,
    hash: Uint8Array,
    options: WaitOptions,
  ): Promise<'appended' | 'known'> {
    const recover = (): Promise<void> =>
      removeTemporaries(dirname(this.#path), basename(this.#path));
    const lock = { ...options, timeoutMs: LOCK_TIMEOUT_MS, recover };
    try {
      return await withFileLock(`${this.#path}.lock`, lock, async () => {
        const log = await this.read(options);
        for (const expected of [log?.index, this.#index]) {
          if (expected !== undefined && expected !== index) throw otherIndex(index, expected);
        }
        const events = log?.events ?? [];
        if (events.some((known) => equalBytes(eventHash(known) ?? new Uint8Array(), hash))) {
          return 'known';
        }
        const bytes = encodeLog({ type: EVENT_LOG_TYPE, index, events: [...events, event] });
        await writeFileAtomic(this.#path, bytes, { mode: 0o644 });
        return 'appended';
      });
    } catch (error) {
      if (!(error instanceof LockTimeout)) throw error;
      const message = `${this.#path}: another process did not finish writing it`;
      throw new SoftwareDriverError('ERR_CONTAINER_LOG_BUSY', message, { cause: error });
    }
  }
}

/** Every report asks: at once this takes microseconds, in the thread pool it waits its turn. */
function currentVersion(path: string): string | undefined {
  try {
    return versionOf(statSync(path, { bigint: true }));
  } catch (error) {
    return unlessMissing(error);
  }
}

/** Other for every content: a log is replaced by a longer one, never written over. */
function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function readLimited(
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly version: string } | undefined> {
  const file = await open(path, 'r').catch(unlessMissing);
  if (file === undefined) return undefined;
  try {
    const stats = await file.stat({ bigint: true });
    if (stats.size > MAX_LOG_BYTES) throw tooLarge(`${path} has ${stats.size} bytes`);
    return { bytes: new Uint8Array(await file.readFile()), version: versionOf(stats) };
  } finally {
    await file.close();
  }
}

function decodeLog(bytes: Uint8Array, path: string): Artifact {
  const log = decoded(bytes, path);
  if (log.type !== EVENT_LOG_TYPE) {
    throw notALog(`${path}: expected an artifact of type ${EVENT_LOG_TYPE}, got ${log.type}`);
  }
  if ((log.events ?? []).some((event) => eventHash(event) === undefined)) {
    throw notALog(`${path}: an event does not have exactly one SHA-256 hash`);
  }
  return log;
}

function decoded(bytes: Uint8Array, path: string): Artifact {
  try {
    return decodeStruct(artifactSchema, bytes).value;
  } catch (error) {
    if (error instanceof CmcError) throw notALog(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

function encodeLog(log: Artifact): Uint8Array {
  const count = log.events?.length ?? 0;
  if (count > MAX_LOG_EVENTS) throw tooLarge(`${count} events, at most ${MAX_LOG_EVENTS}`);
  const bytes = encodeStruct(artifactSchema, log, 'json');
  if (bytes.length > MAX_LOG_BYTES) throw tooLarge(`${bytes.length} bytes with this event`);
  return bytes;
}

function tooLarge(what: string): SoftwareDriverError {
  return new SoftwareDriverError(
    'ERR_CONTAINER_LOG_LIMIT',
    `container log: ${what}, at most ${MAX_LOG_BYTES} bytes and ${MAX_LOG_EVENTS} events`,
  );
}

function otherIndex(index: number, expected: number): SoftwareDriverError {
  return new SoftwareDriverError(
    'ERR_CONTAINER_LOG_INDEX',
    `the event has index ${index}, the container log has index ${expected}`,
  );
}

function notALog(message: string, options?: ErrorOptions): SoftwareDriverError {
  return new SoftwareDriverError('ERR_CONTAINER_LOG_FORMAT', message, options);
}
