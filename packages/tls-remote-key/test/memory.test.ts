import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describeWithAddon } from './support/addon.ts';

const PROGRAM = fileURLToPath(new URL('./support/many-handshakes.mjs', import.meta.url));
const WARM_UP = 500;
const HANDSHAKES = 1000;
/** The heap of a young process still grows by 10 to 15 MB; contexts that stayed would be 40 MB more. */
const MAX_GROWTH_MB = 30;

describeWithAddon('memory', () => {
  it('of a server does not grow with the number of handshakes', { timeout: 120_000 }, async () => {
    const args = ['--expose-gc', PROGRAM, String(WARM_UP), String(HANDSHAKES)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { before, after, signatures } = JSON.parse(stdout);
    expect(signatures).toBe(WARM_UP + HANDSHAKES);
    expect(after - before).toBeLessThan(MAX_GROWTH_MB);
  });
});
