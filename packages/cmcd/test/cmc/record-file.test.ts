import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@cmc/bytes';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { recordFile } from '../../src/cmc/record-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('calls while a write runs share the next one, which has what was there when it began', async () => {
  const path = join(temporaryFolder(), 'record.json');
  const record = recordFile<number>({
    path,
    schema: v.array(v.number()),
    what: 'numbers',
    code: 'ERR_METADATA_VERSIONS',
    removed: 'to forget them',
    logger: silentLogger,
  });
  const numbers: number[] = [];
  let writes = 0;
  const rows = (): readonly number[] => {
    writes += 1;
    return [...numbers];
  };
  const add = async (number: number): Promise<void> => {
    numbers.push(number);
    await record.write(rows);
  };
  const first = add(1);
  await Promise.resolve();
  expect(writes).toBe(1);
  await Promise.all([first, ...Array.from({ length: 50 }, async (_, i) => await add(i + 2))]);
  expect(writes).toBe(2);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveLength(51);
  expect(await record.read()).toEqual(numbers);
});
