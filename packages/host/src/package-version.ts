import { readFileSync } from 'node:fs';

/** Version in the `package.json` of the package that the module at `url` belongs to. */
export function packageVersion(url: string): string {
  // Programs live in `src` or `dist`, one folder below their manifest.
  const manifest = readFileSync(new URL('../package.json', url), 'utf8');
  return JSON.parse(manifest).version;
}
