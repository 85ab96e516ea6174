import { join } from 'node:path';
import { findings, REASONS } from '@cmc/attestationreport';
import { beforeAll, describe, expect, test } from 'vitest';
import { explainResult } from '../src/explain/explanation.ts';
import { explanationLines } from '../src/explain/text.ts';
import { createWorld, FAULTS, GOOD, type World } from './faults.ts';

const docs = join(import.meta.dirname, '../../../docs/faults.md');
let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 60_000);

test.each(GOOD)(
  'a report with $fault is accepted as long as nothing is wrong',
  async ({ make }) => {
    const result = await make(world);
    expect(findings(result).filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(result.summary.status).toBe('success');
  },
);

describe('the explanation names first what is wrong:', () => {
  test.each(FAULTS)('$fault', async ({ id, make }) => {
    const result = await make(world);
    expect(result.summary.status).toBe('fail');
    expect(explainResult(result).findings[0]?.id).toBe(id);
    const lines = explanationLines(explainResult(result));
    expect(lines[2]).toBe(`1. error ${id}`);
    expect(lines).toContain(`   to do     ${REASONS[id as keyof typeof REASONS].remedy}`);
  });
});

test('the table in the documentation has all of them', async () => {
  const rows: string[] = [];
  for (const { fault, make } of FAULTS) {
    const [first] = explainResult(await make(world)).findings;
    if (first === undefined) throw new Error(`${fault}: nothing is found`);
    // Keys differ from run to run, and so do hashes and lengths.
    const text = first.text
      .replaceAll(/\b[0-9a-f]{32,}\b|0x[0-9a-f]+/g, '…')
      .replaceAll('|', '\\|');
    rows.push(`| ${fault} | [${first.id}](reasons.md#${first.id}) | ${text} |`);
  }
  const table = `# Faults

Reports with one fault each, and what \`cmcctl explain\` says first about them. What to do is behind
the links.

| fault | reason | the first sentence |
|---|---|---|
${rows.join('\n')}
`;
  await expect(table).toMatchFileSnapshot(docs);
});
