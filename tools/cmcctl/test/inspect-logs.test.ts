import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { inspectEventlog } from '../src/inspect/eventlog.ts';
import { inspectIma } from '../src/inspect/ima.ts';
import { parseOutput } from './outputs.ts';

interface Vector {
  readonly id: string;
  readonly file: string;
  readonly expected: {
    readonly verdict: string;
    readonly pcrs?: object;
    readonly replay?: object;
  };
  readonly facts: {
    readonly entries?: number;
    readonly templates?: readonly string[];
    readonly templateHash?: Readonly<Record<string, number>>;
  };
  readonly files?: { readonly events?: string };
}

interface EventFacts {
  readonly pcr: number;
  readonly type: string;
  readonly digests: object;
  readonly dataLength: number;
  readonly offset: number;
}

const readVector = (...path: readonly string[]): Uint8Array =>
  new Uint8Array(readFileSync(join(vectorsDir(), ...path)));
const readJson = (...path: readonly string[]) =>
  JSON.parse(readFileSync(join(vectorsDir(), ...path), 'utf8'));
const vectors = (folder: string): readonly Vector[] => readJson(folder, 'index.json').entries;

describe('inspect eventlog', () => {
  test.each(vectors('eventlog').filter(({ expected }) => expected.verdict === 'parse'))(
    'shows the events and register values of $id',
    async ({ file, expected, files }) => {
      const { exitCode, outcome } = await inspectEventlog(readVector('eventlog', file));
      expect(exitCode).toBe(0);
      parseOutput('inspect-eventlog', JSON.stringify(outcome));
      expect(outcome).toMatchObject({ registers: expected.pcrs });
      if (files?.events === undefined) return;
      const events: readonly EventFacts[] = readJson('eventlog', files.events);
      expect(outcome).toMatchObject({
        events: events.map(({ pcr, type, digests, dataLength, offset }) => ({
          ...{ pcr, type, digests, dataLength, offset },
        })),
      });
    },
  );

  test.each(vectors('eventlog').filter(({ expected }) => expected.verdict === 'reject'))(
    'cannot read $id',
    async ({ file }) => {
      await expect(inspectEventlog(readVector('eventlog', file))).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_DECODE_/),
      });
    },
  );
});

describe('inspect ima', () => {
  test.each(vectors('ima').filter(({ expected }) => expected.verdict === 'parse'))(
    'shows the entries, templates and register values of $id',
    async ({ file, expected, facts }) => {
      const { exitCode, outcome } = await inspectIma(readVector('ima', file));
      const { templates = [], templateHash = {}, entries } = facts;
      const sum = (kind: string): number =>
        templates.reduce((total, name) => total + (templateHash[`${name}:${kind}`] ?? 0), 0);
      expect(exitCode).toBe(0);
      const output = parseOutput('inspect-ima', JSON.stringify(outcome));
      expect(output).toMatchObject({ entries, violations: sum('violation') });
      expect(Object.keys(output.templates)).toEqual(templates);
      // The vectors extend the logged digests, even those that are not of the data.
      if (sum('mismatch') === 0) expect(outcome).toMatchObject({ registers: expected.replay });
      else
        expect(outcome).toMatchObject({
          warnings: expect.arrayContaining([expect.stringMatching(/not those of/)]),
        });
    },
  );

  test.each(vectors('ima').filter(({ expected }) => expected.verdict === 'reject'))(
    'cannot read $id',
    async ({ file }) => {
      await expect(inspectIma(readVector('ima', file))).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_DECODE_/),
      });
    },
  );
});
