import { readFile } from 'node:fs/promises';
import { UsageError, writeFileAtomic } from '@cmc/host';

/** Contents of an input file. @throws {UsageError} */
export async function readInput(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new UsageError(`cannot read ${path}`, { cause: error });
  }
}

/** As {@link readInput}; `undefined` when there is no such file. @throws {UsageError} */
export async function readInputIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readInput(path);
  } catch (error) {
    const { cause } = error as UsageError;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes text to a file, whole or not at all, or to standard output without `path`. */
export async function writeOutput(path: string | undefined, text: string): Promise<void> {
  if (path === undefined) {
    process.stdout.write(text);
    return;
  }
  try {
    await writeFileAtomic(path, text, { mode: 0o644 });
  } catch (error) {
    throw new UsageError(`cannot write ${path}`, { cause: error });
  }
}
