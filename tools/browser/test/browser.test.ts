import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createNonce, generate } from '@cmc/attestationreport';
import {
  type Certificate,
  parseCertificate,
  parsePemCertificates,
} from '@cmc/attestationreport/x509';
import { decodeUtf8, toBase64 } from '@cmc/bytes';
import { createTestbed } from '@cmc/testbed';
import { vectorsDir } from '@cmc/testkit';
import { type Browser, chromium, type Page as Tab } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bundle, bundle } from '../src/bundle.ts';
import type { Page, SnpQuestion } from '../src/entry.ts';

declare const cmc: Page;

const { CI, CMC_CHROMIUM } = process.env;
const executablePath = CMC_CHROMIUM ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);
if (!hasChromium && !CI) console.warn(`skipped: there is no ${executablePath}`);

interface Entry {
  readonly id: string;
  readonly kind: string;
  readonly file: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly expected: { readonly verdict: string; readonly verifyAt?: string };
}

function read(path: string): Uint8Array {
  const where = path.startsWith('trust-anchors/') ? path : join('snp', path);
  return new Uint8Array(readFileSync(join(vectorsDir(), where)));
}

function certificate(path: string): Certificate {
  const bytes = read(path);
  return bytes[0] === 0x30 ? parseCertificate(bytes) : parsePemCertificates(decodeUtf8(bytes))[0]!;
}

function questionOf({ file, files = {}, expected }: Entry): SnpQuestion {
  const { vcek, vlek, intermediate, root } = files;
  const certificates = [vcek ?? vlek, intermediate, root].flatMap((path) =>
    path === undefined ? [] : [toBase64(certificate(path).raw)],
  );
  return {
    report: toBase64(read(file)),
    certificates,
    at: expected.verifyAt ?? '2022-05-26T16:37:49Z',
  };
}

test('Chromium is there when CI runs this', () => {
  expect(hasChromium || !CI).toBe(true);
});

describe.skipIf(!hasChromium)('in a browser', () => {
  let made: Bundle;
  let server: Server;
  let browser: Browser;
  let tab: Tab;

  beforeAll(async () => {
    made = await bundle();
    // WebCrypto exists in secure contexts only: a page of localhost is one, about:blank is not.
    server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>CMC</title>');
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    browser = await chromium.launch({
      executablePath,
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    });
    tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${port}/`);
    await tab.addScriptTag({ content: made.script });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test('the bundle is small and has neither Node nor the policy engine in it', () => {
    console.log(`bundle: ${made.bytes} bytes, ${made.gzipBytes} with gzip`);
    expect(made.gzipBytes).toBeLessThan(200_000);
    expect(made.script).not.toMatch(/quickjs/i);
    expect(made.script).not.toMatch(/(?:require|import)\(["']node:/);
  });

  const { entries } = JSON.parse(decodeUtf8(read('index.json'))) as {
    readonly entries: readonly Entry[];
  };
  for (const entry of entries.filter(({ kind }) => kind === 'snp-report')) {
    test(`${entry.expected.verdict}: ${entry.id}`, async () => {
      const { verdict } = await tab.evaluate(
        (question) => cmc.inspectSnp(question),
        questionOf(entry),
      );
      expect(verdict).toBe(entry.expected.verdict);
    });
  }

  test('says how long the verification of an SNP report takes', async () => {
    const entry = entries.find(({ id }) => id === 'milan-v3-tav')!;
    const ms = await tab.evaluate((question) => cmc.timeSnp(question, 200), questionOf(entry));
    console.log(`SNP report with a known chain: ${ms.toFixed(2)} ms`);
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeLessThan(100);
  });

  for (const serialization of ['json', 'cbor'] as const) {
    test(`a software report in ${serialization} is verified, and refused for another nonce`, async () => {
      const testbed = await createTestbed({ serialization });
      const party = await testbed.party('prover');
      const nonce = createNonce();
      const report = await generate({
        measurers: [party.driver],
        nonce,
        metadata: party.metadata,
        serialization,
      });
      const question = {
        report: toBase64(report),
        nonce: toBase64(nonce),
        root: toBase64(testbed.metadataRoots[0]!.raw),
        at: new Date().toISOString(),
      };
      const good = await tab.evaluate((asked) => cmc.verifyReport(asked), question);
      expect(good.why).toMatch(/is accepted/);
      expect(good.ok).toBe(true);
      const stale = { ...question, nonce: toBase64(createNonce()) };
      const bad = await tab.evaluate((asked) => cmc.verifyReport(asked), stale);
      expect(bad.why).toMatch(/nonce/);
      expect(bad.ok).toBe(false);
    });
  }
});
