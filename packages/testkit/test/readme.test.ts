import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';

const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
const { server } = await import('./readme-example.ts');

test('the example of the README does what it says', () => {
  expect(log.mock.calls).toEqual([[new Date('2026-06-01T12:00:00Z'), 2, true]]);
  const certificate = new X509Certificate(server.certificate);
  expect(certificate.subjectAltName).toBe('DNS:localhost');
  expect(certificate.checkPrivateKey(server.key.privateKey)).toBe(true);
});

test('the README shows the example as it is run', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${read('readme-example.ts')}\`\`\``);
});
