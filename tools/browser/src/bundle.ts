import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** A script for browsers, and how large it is. */
export interface Bundle {
  readonly script: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

/** Bundles the verification for browsers; fails when something in it needs Node. */
export async function bundle(): Promise<Bundle> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./entry.ts', import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@cmc/source'],
    logLevel: 'silent',
  });
  const script = outputFiles[0]?.text ?? '';
  return { script, bytes: Buffer.byteLength(script), gzipBytes: gzipSync(script).length };
}
