import { DecodeError } from '@cmc/bytes';
import type { ImaEntry } from './entry.ts';
import { ImaReplay, type ImaReplayOptions, type ImaState } from './replay.ts';

const MAX_ENTRIES = 1_000_000;

export interface ParseImaOptions extends Omit<ImaReplayOptions, 'onEntry' | 'resume'> {
  /** Default: 1,000,000. */
  readonly maxEntries?: number;
}

/** All entries of a whole binary list, and its replay. @throws {DecodeError} */
export function parseImaList(
  bytes: Uint8Array,
  options: ParseImaOptions,
): { readonly entries: readonly ImaEntry[]; readonly state: ImaState } {
  const { maxEntries = MAX_ENTRIES, ...replayOptions } = options;
  const entries: ImaEntry[] = [];
  const onEntry = (entry: ImaEntry): void => {
    if (entries.length >= maxEntries) {
      throw new DecodeError('ERR_DECODE_LIMIT', `more than ${maxEntries} entries`, {
        path: ['ima'],
        offset: 0,
      });
    }
    entries.push(entry);
  };
  const replay = new ImaReplay({ ...replayOptions, onEntry });
  replay.push(bytes);
  return { entries, state: replay.finish() };
}

/** The replay of a whole binary list. @throws {DecodeError} */
export function replayImaList(bytes: Uint8Array, options: ImaReplayOptions): ImaState {
  const replay = new ImaReplay(options);
  replay.push(bytes);
  return replay.finish();
}
