import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { DEFAULT_ENDPOINTS, endpointMethods } from '../../src/config/endpoints.ts';
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
  const schema = JSON.stringify(
    toJsonSchema(provserverConfigSchema, { ignoreActions: ['check'] }),
    undefined,
    2,
  );
  await expect(`${schema}\n`).toMatchFileSnapshot('../../generated/provserver.schema.json');
});

test.each([
  ['no database', { database: undefined }],
  ['no root', { rootCas: [] }],
  ['a method that there is not', { endpoints: { attestenroll: ['none'] } }],
  ['a method twice', { endpoints: { simpleenroll: ['token', 'token'] } }],
  ['an endpoint that there is not', { endpoints: { enroll: ['token'] } }],
  ['a name that is none', { allowedNames: ['a/b'] }],
  ['a star in the middle', { allowedNames: ['a.*.example'] }],
  ['a nonce that may or may not be', { spkiNonce: 'maybe' }],
])('settings with %s are refused', (_, change) => {
  expect(v.safeParse(provserverConfigSchema, MINIMAL).success).toBe(true);
  expect(v.safeParse(provserverConfigSchema, { ...MINIMAL, ...change }).success).toBe(false);
});

test.each([
  ['simple enrolment with an attestation', { simpleenroll: ['attestation'] }],
  ['attested enrolment without one', { attestenroll: ['token'] }],
  ['renewal without the certificate', { simplereenroll: ['token'] }],
  ['a TPM key that is not checked', { tpmcertifyenroll: ['attestation'] }],
] as const)('endpoints are not opened for %s', (_, endpoints) => {
  expect(() => endpointMethods(endpoints)).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG_VALUE' }),
  );
});

test('endpoints that are not named are as init writes them', () => {
  expect(endpointMethods({ attestenroll: [] })).toEqual({ ...DEFAULT_ENDPOINTS, attestenroll: [] });
  expect(DEFAULT_ENDPOINTS.simpleenroll).toEqual([]);
});
