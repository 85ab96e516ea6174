import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeBase64Lines, encodeBase64Lines, encodeCertsOnly, parseCsr } from '@cmc/est';
import { createFakeKeySync } from '@cmc/testkit';
import { expect, test, vi } from 'vitest';
import { startFakeServer } from './fake-server.ts';

test('the example of the README does what its comments say, and enrolls', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const { enroll } = await import('./readme-example.ts');
  expect(log.mock.calls).toEqual([['CN=device-7', { ok: true }]]);
  log.mockRestore();

  await using server = await startFakeServer(async ({ body }, response) => {
    const { spki } = parseCsr(decodeBase64Lines(body));
    const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    const key = { ...createFakeKeySync('EC256'), publicKey };
    const { certificate } = await server.ca.issue({ commonName: 'device-7', key });
    response.writeHead(200, { 'content-type': 'application/pkcs7-mime' });
    response.end(encodeBase64Lines(encodeCertsOnly([certificate])));
  });
  const certificate = await enroll(server.url, server.ca.pem, 'a-token');
  expect(certificate.subject).toBe('CN=device-7');
  expect(server.requests[0]?.headers.authorization).toBe('Bearer a-token');
});

test('the README shows the example as it is run', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
});
