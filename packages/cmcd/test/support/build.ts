import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const TSC = fileURLToPath(new URL('../../../../node_modules/.bin/tsc', import.meta.url));

/** The program as it is published. */
export const MAIN: string = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
export const BUILD_TIMEOUT_MS = 120_000;

/** Builds {@link MAIN} and what it needs, unless they are up to date. */
export function buildMain(): void {
  execFileSync(TSC, ['--build'], { cwd: PACKAGE, stdio: 'inherit', timeout: BUILD_TIMEOUT_MS });
}
