import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs `openssl` on `files`, whose names in `args` are replaced by their paths; gives its output. */
export function openssl(
  args: readonly string[],
  files: Readonly<Record<string, Uint8Array | string>> = {},
): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'cmc-est-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(directory, name), content);
    }
    const paths = args.map((arg) => (arg in files ? join(directory, arg) : arg));
    return new Uint8Array(execFileSync('openssl', paths, { cwd: directory, stdio: 'pipe' }));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
