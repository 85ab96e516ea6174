import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

test('tpm2-ts/verify needs nothing of Node: it bundles for browsers, without any import', async () => {
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL('../src/verify/index.ts', import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['@cmc/source'],
  });
  const inputs = Object.keys(metafile.inputs);
  const [output] = Object.values(metafile.outputs);
  expect(output?.imports).toEqual([]);
  expect(inputs.filter((path) => path.includes('src/transport/'))).toEqual([]);
  expect(inputs.some((path) => path.endsWith('src/verify/verify-quote.ts'))).toBe(true);
});
