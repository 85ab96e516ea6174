import { createHash } from 'node:crypto';
import { concatBytes, encodeUtf8 } from '@cmc/bytes';
import { guidBytes } from './guid.ts';
import { PAGE_BYTES } from './launch-digest.ts';

/** What is booted directly by the virtual machine monitor, without a disk. */
export interface DirectBoot {
  readonly kernel: Uint8Array;
  /** Default: none, which is measured as an empty one. */
  readonly initrd?: Uint8Array;
  /** Kernel command line. Default: empty. */
  readonly cmdline?: string;
}

const TABLE = '9438d606-4f22-4cc9-b479-a793d411fd21';
const CMDLINE = '97d02dd8-bd20-4c94-aa78-e7714d36ab2a';
const INITRD = '44baf731-3a2f-4bd7-9af1-41e29169781d';
const KERNEL = '4de79437-abd2-427f-b835-d5b172d2045b';
const ALIGNMENT = 16;

/**
 * The page with the hashes that the firmware compares with what it is given to boot (QEMU,
 * sev_hash_table): SHA-256 of command line with its NUL, initrd and kernel.
 */
export function kernelHashesPage(boot: DirectBoot, offsetInPage: number): Uint8Array {
  const { kernel, initrd = new Uint8Array(), cmdline = '' } = boot;
  const entries = concatBytes(
    entry(CMDLINE, sha256(encodeUtf8(`${cmdline}\0`))),
    entry(INITRD, sha256(initrd)),
    entry(KERNEL, sha256(kernel)),
  );
  const table = entry(TABLE, entries);
  const padded = Math.ceil(table.length / ALIGNMENT) * ALIGNMENT;
  if (offsetInPage + padded > PAGE_BYTES) {
    throw new RangeError(`the table of hashes does not fit at ${offsetInPage}`);
  }
  const page = new Uint8Array(PAGE_BYTES);
  page.set(table, offsetInPage);
  return page;
}

/** GUID, u16 length of all of it, data. */
function entry(guid: string, data: Uint8Array): Uint8Array {
  const length = 16 + 2 + data.length;
  return concatBytes(guidBytes(guid), Uint8Array.of(length & 0xff, length >> 8), data);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
