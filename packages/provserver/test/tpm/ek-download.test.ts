import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { parseEkCertificate } from '../../src/tpm/ek-certificate.ts';
import { EkDownloads, type EkFetch } from '../../src/tpm/ek-download.ts';

const AMD = `https://ftpm.amd.com/pki/aia/${'0a'.repeat(16)}`;
const INTEL = `https://ekop.intel.com/ekcertservice/${'A'.repeat(43)}%3D`;
const { signal } = new AbortController();

function answering(status: number, body: Uint8Array): EkDownloads {
  return new EkDownloads(async () => ({ status, body }));
}

test('R52 only the services of the vendors are asked, whatever the URL looks like', async () => {
  const asked: string[] = [];
  const downloads = new EkDownloads(async (url) => {
    asked.push(url.href);
    return { status: 200, body: Uint8Array.of(1) };
  });
  for (const url of [
    AMD.replace('https', 'http'),
    AMD.replace('.com', '.com.evil.example'),
    AMD.replace('ftpm.amd.com', 'ftpm.amd.com@evil.example'),
    AMD.replace('aia/', 'aia/../'),
    AMD.replace('.com/', '.com:8443/'),
    `${AMD}?x`,
    `${AMD}/x`,
    'https://ekop.intel.com/ekcertservice/',
    `${INTEL}/x`,
    'https://169.254.169.254/',
    'file:///etc/passwd',
    '',
  ]) {
    await expect(downloads.get(url, signal), url).rejects.toMatchObject({ status: 403 });
  }
  expect(asked).toEqual([]);
  expect(await downloads.get(AMD, signal)).toEqual(Uint8Array.of(1));
  expect(asked).toEqual([AMD]);
});

test("Intel's answer is JSON with the certificate in base64url", async () => {
  const folder = join(vectorsDir(), 'ek', 'intel-ekop-cmc');
  const answer = new Uint8Array(readFileSync(join(folder, 'ek-service-answer.json')));
  const der = await answering(200, answer).get(INTEL, signal);
  expect(der).toEqual(new Uint8Array(readFileSync(join(folder, 'cert.der'))));
  expect(parseEkCertificate(der).extendedKeyUsage).toEqual(['2.23.133.8.1']);
});

test.each([
  ['another status, as of a redirection', INTEL, 302, '{"certificate":"MAA"}'],
  ['no JSON', INTEL, 200, 'nothing'],
  ['no certificate', INTEL, 200, '{"pubhash":"x"}'],
  ['a certificate that is no text', INTEL, 200, '{"certificate":1}'],
  ['too long an answer', AMD, 200, 'x'.repeat(16_385)],
])('R52 %s is unavailable', async (_, url, status, text) => {
  const downloads = answering(status, new TextEncoder().encode(text));
  await expect(downloads.get(url, signal)).rejects.toMatchObject({ status: 503 });
});

test('R52 answers are waited for at once by a few requests only, and not after the request', async () => {
  const waiting: (() => void)[] = [];
  const fetch: EkFetch = async (_, { signal: limit }) =>
    await new Promise((resolve, reject) => {
      waiting.push(() => resolve({ status: 200, body: Uint8Array.of(1) }));
      limit.addEventListener('abort', () => reject(limit.reason));
    });
  const downloads = new EkDownloads(fetch);
  const gone = new AbortController();
  const aborted = downloads.get(AMD, gone.signal);
  const others = Array.from({ length: 7 }, () => downloads.get(AMD, signal));
  await expect(downloads.get(AMD, signal)).rejects.toMatchObject({ status: 503 });
  gone.abort();
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
  for (const answer of waiting) answer();
  expect(await Promise.all(others)).toHaveLength(7);
});
