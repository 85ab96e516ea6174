import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { provserverConfigSchema } from '../../src/config/schema.ts';

const MINIMAL = {
  estCaKey: 'k',
  estCaChain: ['c'],
  tlsKey: 'k',
  tlsCaChain: ['c'],
  rootCas: ['r'],
  database: 'sqlite:///d',
};

test('the settings are described by the JSON schema in this package', async () => {
  const schema = JSON.stringify(toJsonSchema(provserverConfigSchema), undefined, 2);
  await expect(`${schema}\n`).toMatchFileSnapshot('../../generated/provserver.schema.json');
});

test.each([
  ['no database', { database: undefined }],
  ['no root', { rootCas: [] }],
  ['no method', { authMethods: [] }],
  ['a method that there is not', { authMethods: ['none'] }],
  ['simple enrolment for nothing', { simpleEnroll: [] }],
  ['simple enrolment with an attestation', { simpleEnroll: ['attestation'] }],
  ['a nonce that may or may not be', { spkiNonce: 'maybe' }],
])('settings with %s are refused', (_, change) => {
  expect(v.safeParse(provserverConfigSchema, MINIMAL).success).toBe(true);
  expect(v.safeParse(provserverConfigSchema, { ...MINIMAL, ...change }).success).toBe(false);
});
