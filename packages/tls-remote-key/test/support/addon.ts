import { describe } from 'vitest';
import { openRemoteKeys, RemoteKeyError } from '../../src/index.ts';

function reasonItIsMissing(): string | undefined {
  try {
    openRemoteKeys();
    return undefined;
  } catch (error) {
    if (error instanceof RemoteKeyError) return error.message;
    throw error;
  }
}

const missing = reasonItIsMissing();
if (missing !== undefined) {
  const hint = `the addon is missing (npm run native): ${missing}`;
  if (process.env['CI'] !== undefined) throw new Error(hint);
  console.warn(`skipped: ${hint}`);
}

/** Tests that need the addon: left out where it is not built, but never in CI. */
export const describeWithAddon: typeof describe.skip =
  missing === undefined ? describe : describe.skip;
