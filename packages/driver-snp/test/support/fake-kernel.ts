import { basename, dirname } from 'node:path';
import { encodeUtf8 } from '@cmc/bytes';
import type { ConfigfsFiles } from '../../src/index.ts';
import { reportOver } from './vectors.ts';

interface Entry {
  generation: number;
  /** Generation that `outblob` was made of. */
  made: number;
  vmpl: number;
  inblob?: Uint8Array;
}

/** What a kernel of tests does otherwise than well. */
export interface FakeKernelOptions {
  readonly report: Uint8Array;
  readonly auxblob?: Uint8Array;
  readonly provider?: string;
  /** Runs before each file is read or written: to fail, or to write in between. */
  readonly before?: (operation: string, name: string, kernel: FakeKernel) => void;
}

/** configfs-tsm as Linux has it: generations, permissions, and their errors. */
export class FakeKernel implements ConfigfsFiles {
  readonly entries: Map<string, Entry> = new Map();
  readonly #options: FakeKernelOptions;
  requests = 0;

  constructor(options: FakeKernelOptions) {
    this.#options = options;
  }

  async mkdir(path: string): Promise<void> {
    this.#options.before?.('mkdir', basename(path), this);
    if (this.entries.has(path)) throw errno('EEXIST');
    this.entries.set(path, { generation: 0, made: -1, vmpl: 0 });
  }

  async rmdir(path: string): Promise<void> {
    if (!this.entries.delete(path)) throw errno('ENOENT');
  }

  async read(path: string): Promise<Uint8Array> {
    const name = basename(path);
    this.#options.before?.('read', name, this);
    const entry = this.#entry(path);
    switch (name) {
      case 'provider':
        return encodeUtf8(`${this.#options.provider ?? 'sev_guest'}\n`);
      case 'generation':
        return encodeUtf8(`${entry.generation}\n`);
      case 'outblob':
        if (entry.inblob === undefined) throw errno('EINVAL');
        this.requests += 1;
        entry.made = entry.generation;
        return reportOver(this.#options.report, entry.inblob, entry.vmpl);
      case 'auxblob':
        if (this.#options.auxblob === undefined) throw errno('ENOENT');
        if (entry.made !== entry.generation) throw errno('EWOULDBLOCK');
        return this.#options.auxblob;
      default:
        throw errno('EACCES');
    }
  }

  async write(path: string, data: Uint8Array): Promise<void> {
    const name = basename(path);
    this.#options.before?.('write', name, this);
    const entry = this.#entry(path);
    if (name === 'privlevel') {
      const vmpl = Number(new TextDecoder().decode(data));
      if (!(vmpl >= 0 && vmpl <= 3)) throw errno('EINVAL');
      entry.vmpl = vmpl;
    } else if (name === 'inblob') {
      if (data.length > 64) throw errno('EFBIG');
      entry.inblob = new Uint8Array(data);
    } else {
      throw errno('EACCES');
    }
    entry.generation += 1;
  }

  /** Somebody else writes to each entry. */
  disturb(): void {
    for (const entry of this.entries.values()) entry.generation += 1;
  }

  #entry(path: string): Entry {
    const entry = this.entries.get(dirname(path));
    if (entry === undefined) throw errno('ENOENT');
    return entry;
  }
}

export function errno(code: string): Error {
  return Object.assign(new Error(`${code}: of the fake kernel`), { code });
}
