import type { Component } from '@cmc/attestationreport';
import { DecodeError } from '@cmc/bytes';
import {
  encodeImaEntry,
  hasFileSignature,
  type ImaEntry,
  ImaReplay,
  type ImaState,
  imaEntryDigest,
} from '@cmc/ima';
import { TpmDriverError } from '../errors.ts';
import { imaEvent } from './ima-event.ts';
import { readLog } from './read-log.ts';
import type { Bank, LogSnapshot } from './snapshot.ts';

const MAX_BYTES = 256 * 1024 * 1024;
/** PCR whose events verifiers look for entries in. */
const ENTRIES_PCR = 10;
/** Path of the entry that says which boot the list is of. */
const BOOT_AGGREGATE = 'boot_aggregate';

export interface ImaLogOptions {
  /** Whether events of signed files carry their entries. Default: no. */
  readonly signatures?: boolean;
}

/** IMA's list, which grows as long as the computer runs: only what is new is read. */
export class ImaLog {
  readonly #path: string;
  readonly #bank: Bank;
  readonly #signatures: boolean;
  #events: ReadonlyMap<number, readonly Component[]> = new Map();
  #state: ImaState | undefined;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(path: string, bank: Bank, { signatures = false }: ImaLogOptions = {}) {
    this.#path = path;
    this.#bank = bank;
    this.#signatures = signatures;
  }

  /** No list is as one without entries. @throws {TpmDriverError} ERR_TPM_DRIVER_LOG */
  async read(): Promise<LogSnapshot> {
    // One at a time: each goes on where the one before ended.
    const read = this.#lastRead.then(() => this.#read());
    this.#lastRead = read.catch(() => undefined);
    return await read;
  }

  /** Forgets what was read: the next {@link read} starts anew. */
  reset(): void {
    this.#events = new Map();
    this.#state = undefined;
  }

  async #read(): Promise<LogSnapshot> {
    const before = this.#state;
    const offset = before?.offset ?? 0;
    const bytes = await readLog(this.#path, MAX_BYTES, offset);
    if (bytes !== undefined && bytes.length > 0) this.#append(bytes, before);
    const { pcrs = new Map<number, Uint8Array>(), offset: length = 0 } = this.#state ?? {};
    return { events: this.#events, values: pcrs, length };
  }

  /** Whether verifiers may need what is behind the digest of an event. */
  #isWanted(entry: ImaEntry): boolean {
    if (entry.pcr !== ENTRIES_PCR) return false;
    return entry.path === BOOT_AGGREGATE || (this.#signatures && hasFileSignature(entry));
  }

  #append(bytes: Uint8Array, before: ImaState | undefined): void {
    const bank = this.#bank;
    const added = new Map<number, Component[]>();
    const replay = new ImaReplay({
      bank,
      ...(before === undefined ? {} : { resume: before }),
      onEntry: (entry) => {
        const ofPcr = added.get(entry.pcr) ?? [];
        const event = imaEvent(entry, [{ alg: bank, content: imaEntryDigest(entry, { bank }) }]);
        ofPcr.push(this.#isWanted(entry) ? withEntry(event, entry) : event);
        added.set(entry.pcr, ofPcr);
      },
    });
    try {
      replay.push(bytes);
      // An entry that is being written is not there as a whole: it is of the next read.
      this.#state = replay.state();
    } catch (cause) {
      if (!(cause instanceof DecodeError)) throw cause;
      throw new TpmDriverError('ERR_TPM_DRIVER_LOG', `${this.#path}: ${cause.message}`, { cause });
    }
    const all = new Map(this.#events);
    for (const [pcr, events] of added) all.set(pcr, [...(all.get(pcr) ?? []), ...events]);
    this.#events = all;
  }
}

function withEntry(event: Component, entry: ImaEntry): Component {
  const value = encodeImaEntry(entry);
  if (value === undefined) return event;
  return { ...event, properties: [...(event.properties ?? []), { name: 'cmc.ima', value }] };
}
