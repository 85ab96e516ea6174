import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { quote } from './readme-quote.ts';
import { objections } from './readme-verify.ts';
import { encodeQuote, forgeKey, NONCE, signAttest, VALUES } from './support/signed-quote.ts';
import { isSwtpmMissing, startSwtpm } from './support/swtpm.ts';

test.each(['readme-verify.ts', 'readme-quote.ts'])('%s stands in the README', (file) => {
  const example = readFileSync(new URL(file, import.meta.url), 'utf8');
  expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toContain(example);
});

test('the example of the README names what speaks against a quote', async () => {
  const key = forgeKey();
  const attest = encodeQuote();
  const signed = { attest, signature: signAttest(key, attest) };
  expect(await objections(signed, key.publicArea, NONCE, VALUES)).toEqual([]);
  const stale = NONCE.map((byte) => byte ^ 1);
  const [objection, ...others] = await objections(signed, key.publicArea, stale, VALUES);
  expect(objection).toMatch(/^nonce: /);
  expect(others).toEqual([]);
});

test.skipIf(isSwtpmMissing)('the quote of the one example satisfies the other', async () => {
  await using swtpm = await startSwtpm();
  const { publicArea, pcrs, ...signed } = await quote(NONCE, { socket: { path: swtpm.path } });
  expect(await objections(signed, publicArea, NONCE, pcrs)).toEqual([]);
});
