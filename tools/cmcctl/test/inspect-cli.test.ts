import { join } from 'node:path';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { vectorsDir } from '@cmc/testkit';
import { beforeAll, expect, test } from 'vitest';
import { type OUTPUTS, parseOutput } from './outputs.ts';
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

const vector = (path: string): string => join(vectorsDir(), path);
const quote = (name: string): readonly string[] => [
  ...['quote', vector('tpm-quote/rsa-sha256-cmc/attest.bin')],
  ...['--signature', vector(`tpm-quote/${name}/signature.bin`)],
  ...['--key', vector('tpm-quote/rsa-sha256-cmc/ak-cert.pem'), '--nonce', 'db6c3c042fa12645'],
];
const root = vector('trust-anchors/amd/milan/ark.pem');

test.each<[string, number, readonly string[]]>([
  ['a log of a TPM', 0, ['eventlog', vector('vm-ovmf/eventlog.bin')]],
  ['what is no log', 2, ['eventlog', vector('eventlog/keylime-bogus-text.bin')]],
  ['a binary list', 0, ['ima', vector('vm-ovmf/ima-1.bin')]],
  ['a text list', 0, ['ima', vector('vm-ovmf/ima-1.txt')]],
  ['a list that is cut off', 2, ['ima', vector('ima/tss-ima-ng-sha1-cut.bin')]],
  ['a good quote', 0, quote('rsa-sha256-cmc')],
  ['a quote with the signature of another', 1, quote('rsa-sha256-cmc-bad-signature')],
  ['a quote without its signature', 2, ['quote', vector('tpm-quote/rsa-sha256-cmc/attest.bin')]],
  ['a certificate when it was valid', 0, ['cert', root, '--at', '2026-01-01T00:00:00Z']],
  ['a certificate before it was', 1, ['cert', root, '--at', '2001-01-01T00:00:00Z']],
  ['a time that is none', 2, ['cert', root, '--at', 'yesterday']],
  ['a file that is not there', 2, ['ima', 'missing']],
])('inspect %s: exit code %d', async (_, expected, args) => {
  const site = await createSite();
  const [kind = '', ...rest] = args;
  // A flag before the file does not take the file for its value.
  const { code, stdout, stderr } = await site.cmcctl('inspect', kind, '--json', ...rest);
  expect(code).toBe(expected);
  if (expected === 2) {
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^cmcctl: ERR_\w+: /);
  } else {
    parseOutput(`inspect-${kind}` as keyof typeof OUTPUTS, stdout);
  }
  const text = await site.cmcctl('inspect', ...args);
  expect(text.code).toBe(expected);
  expect(text.stdout === '').toBe(expected === 2);
});
