import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AttestationResult } from '@cmc/attestationreport';
import { attestationResultSchema, encodeStruct } from '@cmc/attestationreport/codec';
import { fromHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { explainResult } from '../src/explain/explanation.ts';
import { explanationPage } from '../src/explain/html/page.ts';
import { decodeResult } from '../src/explain/read-result.ts';
import { createWorld, FAULTS, GOOD } from './faults.ts';

const HOSTILE = `"'><script>alert(1)</script><!--\u202e\u0000&#60;`;

/** The same with something nasty behind every text. */
function poisoned(value: unknown): unknown {
  if (typeof value === 'string') return `${value}${HOSTILE}`;
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(poisoned);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, poisoned(part)]));
}

test('no text of any result becomes markup', async () => {
  const world = await createWorld();
  for (const { make } of [...FAULTS, ...GOOD]) {
    const result = await make(world);
    const page = explanationPage(poisoned(result) as AttestationResult);
    expect(page.match(/<script\b[^>]*>/g)).toEqual([
      '<script type="application/octet-stream" id="data">',
      '<script type="module">',
    ]);
    expect(['<!--', '\u202e', '\u0000'].filter((text) => page.includes(text))).toEqual([]);
    // Attributes are ended by our quotes only.
    expect(page).not.toMatch(/"'>/);
    expect(explainResult(poisoned(result) as AttestationResult).findings).not.toEqual([]);
  }
}, 60_000);

test('results are read in JSON and CBOR, and nothing else is taken for one', () => {
  const folder = join(vectorsDir(), 'report');
  const json = new Uint8Array(readFileSync(join(folder, 'attestation-result.json')));
  const cbor = fromHex(readFileSync(join(folder, 'attestation-result.cbor.hex'), 'utf8').trim());
  expect(decodeResult(json)?.summary.status).toBe('success');
  expect(decodeResult(cbor)?.summary.status).toBe('success');
  const report = new Uint8Array(readFileSync(join(folder, 'report.json')));
  expect(decodeResult(report)).toBeUndefined();
  expect(decodeResult(new Uint8Array())).toBeUndefined();
  const result = decodeResult(json);
  if (result === undefined) throw new Error('no result');
  const other = encodeStruct(attestationResultSchema, { ...result, type: 'x' }, 'json');
  expect(decodeResult(other)).toBeUndefined();
});
