import { toJsonSchema } from '@valibot/to-json-schema';
import { expect, test } from 'vitest';
import { COMMANDS } from '../src/commands.ts';
import { INSPECTORS } from '../src/inspect/index.ts';
import { OUTPUTS } from './outputs.ts';

test.each(Object.entries(OUTPUTS))('%s has a published JSON schema', async (name, schema) => {
  const text = JSON.stringify(toJsonSchema(schema), undefined, 2);
  await expect(`${text}\n`).toMatchFileSnapshot(`../generated/${name}.schema.json`);
});

test('every command that prints JSON, and every kind of inspect, is described', () => {
  const names = COMMANDS.filter(({ settings }) => settings.includes('json')).flatMap(({ name }) =>
    name === 'inspect' ? Object.keys(INSPECTORS).map((kind) => `inspect-${kind}`) : [name],
  );
  // These two log; they print no outcome.
  const logging = new Set(['listen', 'serve']);
  expect(Object.keys(OUTPUTS).sort()).toStrictEqual(
    names.filter((name) => !logging.has(name)).sort(),
  );
});
