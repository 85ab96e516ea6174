import { basename } from 'node:path/posix';
import type { Component, ReferenceHash } from '@cmc/attestationreport';
import type { ImaEntry } from '@cmc/ima';
import { pcrEvent } from './pcr-event.ts';

/** An entry of IMA's list as an event. Optional: nobody must run a file. */
export function imaEvent(entry: ImaEntry, hashes: readonly ReferenceHash[]): Component {
  return pcrEvent(entry.pcr, {
    name: basename(entry.path),
    hashes,
    optional: true,
    description: entry.path,
  });
}
