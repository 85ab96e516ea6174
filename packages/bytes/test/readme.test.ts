import { readFileSync } from 'node:fs';
import { fromHex } from '@cmc/bytes';
import { expect, test, vi } from 'vitest';

test('the example of the README does what its comments say', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const { decodeClockInfo, encoded } = await import('./readme-example.ts');
  expect(encoded).toBe('00000000000003e800000003');
  expect(decodeClockInfo(fromHex(encoded))).toEqual({ clock: 1000n, resetCount: 3 });
  expect(log.mock.calls).toEqual([
    ['ERR_DECODE_TRUNCATED', 'CLOCK_INFO.clock@0x0: need 8 bytes, have 1'],
  ]);
  log.mockRestore();
});

test('the README shows the example as it is run', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
});
