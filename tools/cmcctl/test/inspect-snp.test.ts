import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createProgram } from '../src/program.ts';
import { parseOutput } from './outputs.ts';

const vector = (path: string): string => join(vectorsDir(), path);
const amd = ['trust-anchors/amd/milan/ask.pem', 'trust-anchors/amd/milan/ark.pem'].map(vector);

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function inspect(...args: readonly string[]): Promise<{ code: unknown; out: string }> {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  await createProgram().parseAsync(['inspect', 'snp', ...args], { from: 'user' });
  return { code: process.exitCode, out };
}

describe('cmcctl inspect snp', () => {
  const report = vector('snp/milan-v3-tav/report.bin');
  const certs = [vector('snp/milan-v3-tav/vcek.pem'), ...amd].join(',');
  const at = ['--at', '2026-03-07T01:04:33Z'];

  test('accepts a genuine report with its certificates', async () => {
    const { code, out } = await inspect(report, '--certs', certs, ...at, '--json');
    const { verdict, checks, report: fields } = parseOutput('inspect-snp', out);
    expect({ code, verdict }).toEqual({ code: 0, verdict: 'accept' });
    expect(checks.length).toBeGreaterThan(8);
    expect(checks.every(({ pass }) => pass)).toBe(true);
    expect(fields).toMatchObject({ version: 3, reportedTcb: { bl: 4, snp: 24, ucode: 219 } });
  });

  test('refuses it with the certificate of another chip, and says so in text', async () => {
    const other = [vector('snp/milan-v2-virtee/vcek.der'), ...amd].join(',');
    const { code, out } = await inspect(report, '--certs', other, ...at);
    expect(code).toBe(1);
    expect(out).toMatch(/FAIL signature/);
    expect(out).toMatch(/FAIL chipId/);
    expect(out).toMatch(/Verdict reject/);
  });

  test('only reads a report without certificates', async () => {
    const { code, out } = await inspect(report, '--json');
    expect({ code, verdict: parseOutput('inspect-snp', out).verdict }).toEqual({
      code: 0,
      verdict: 'parse-only',
    });
  });

  test('refuses what is no report', async () => {
    const { code, out } = await inspect(vector('snp/milan-v2-lit-793-bytes/report.bin'), '--json');
    expect(code).toBe(1);
    expect(parseOutput('inspect-snp', out)).toMatchObject({ report: null, verdict: 'reject' });
  });
});
