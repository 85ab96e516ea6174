import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { explanationPage } from '../src/explain/html/page.ts';
import { createWorld, FAULTS } from './faults.ts';
import { largeResult } from './large-result.ts';

const MAX_BYTES = 300_000;
const folder = mkdtempSync(join(tmpdir(), 'cmcctl-page-'));
const file = join(folder, 'report.html');
let browser: Browser;

beforeAll(async () => {
  writeFileSync(file, explanationPage(largeResult(10_000)));
  browser = await chromium.launch({
    executablePath: process.env['CMC_CHROMIUM'] ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  if (process.env['CMC_KEEP_SCREENSHOTS'] === undefined) rmSync(folder, { recursive: true });
});

// Run in the page, where there are types of their own.
const FOCUSED = `(() => {
  const element = document.activeElement;
  const label = element.labels?.[0]?.firstChild?.textContent?.trim();
  return [
    label ?? element.getAttribute('aria-label') ?? element.innerText,
    getComputedStyle(element).outlineStyle,
  ];
})()`;
const FOREIGN_SCRIPT = `(() => {
  const script = document.createElement('script');
  script.textContent = 'window.ran = true';
  document.body.append(script);
  return 'ran' in window;
})()`;

/** The page as a person has it who was sent the file: without network. */
async function open(path = file): Promise<{ readonly page: Page; readonly problems: string[] }> {
  const context = await browser.newContext({ offline: true });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('dialog', (dialog) => {
    problems.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) problems.push(`request ${request.url()}`);
  });
  await page.goto(pathToFileURL(path).href);
  await page.waitForFunction("document.getElementById('count').textContent !== ''");
  return { page, problems };
}

describe('the page of a report with 10,000 events', () => {
  test('is smaller than 300 KB', () => {
    expect(statSync(file).size).toBeLessThan(MAX_BYTES);
  });

  test('opens without network, errors or violations of its own rules, and can be seen', async () => {
    const { page, problems } = await open();
    await page.setViewportSize({ width: 1100, height: 1600 });
    await page.screenshot({ path: join(folder, 'report.png'), fullPage: true });
    expect(problems).toEqual([]);
    expect(statSync(join(folder, 'report.png')).size).toBeGreaterThan(10_000);
    expect(await page.textContent('#count')).toBe('10000 of 10000 events match, 200 are shown.');
  });

  test('filters events by text and state', async () => {
    const { page } = await open();
    await page.fill('#query', 'evil');
    expect(await page.locator('#rows tr').count()).toBe(1);
    await page.fill('#query', '');
    await page.selectOption('#state', 'problem');
    expect(await page.textContent('#count')).toBe('1 of 10000 events match, 1 are shown.');
    expect(await page.textContent('#rows tr td:last-child')).toMatch(/^[0-9a-f]{64}$/);
  });

  test('shows more events with the keyboard alone, each control labelled and in order', async () => {
    const { page } = await open();
    const reached: string[] = [];
    for (let i = 0; i < 40 && reached.at(-1) !== 'Show more'; i++) {
      await page.keyboard.press('Tab');
      const [label, outline] = await page.evaluate<[string, string]>(FOCUSED);
      reached.push(label);
      expect(outline, label).not.toBe('none');
    }
    expect(reached).toEqual([
      'Skip to the findings',
      'Findings',
      'Events',
      'Platform',
      'Certificates',
      'Timeline',
      'What it means and what to do',
      'Name or digest',
      'State',
      'Measurement',
      'Table of events',
      'Show more',
    ]);
    await page.keyboard.press('Enter');
    expect(await page.locator('#rows tr').count()).toBe(400);
  });

  test('takes names of the prover as text: no markup, no scripts, no hidden characters', async () => {
    const { page, problems } = await open();
    await page.fill('#query', 'evil');
    expect(await page.textContent('#rows tr td:nth-child(5)')).toBe(
      '/usr/bin/evil</script><img src=x onerror=alert(1)>\ufffdgnp.exe\ufffd',
    );
    expect(await page.textContent('h1')).toContain('node-7</title><script>alert(2)</script>');
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('main b').count()).toBe(0);
    expect(problems).toEqual([]);
  });

  test('has rules that stop scripts which are not its own', async () => {
    const { page } = await open();
    const ran = await page.evaluate(FOREIGN_SCRIPT);
    expect(ran).toBe(false);
  });
});

test('the page of a refused SEV-SNP guest shows TCB, certificate chains and times', async () => {
  const fault = FAULTS.find(({ id }) => id === 'snp-tcb');
  if (fault === undefined) throw new Error('there is no such fault');
  const path = join(folder, 'snp.html');
  writeFileSync(path, explanationPage(await fault.make(await createWorld())));
  const { page, problems } = await open(path);
  await page.screenshot({ path: join(folder, 'snp.png'), fullPage: true });
  expect(problems).toEqual([]);
  expect(await page.locator('.findings h3').first().textContent()).toContain('snp-tcb');
  const row = page.locator('#platform tr.bad');
  expect(await row.textContent()).toMatch(/TCB bl\s*at least 5\s*4\s*differs/);
  expect(await page.locator('#certificates ol.chain li').count()).toBeGreaterThan(1);
  expect(await page.locator('#timeline tbody tr').count()).toBeGreaterThan(3);
}, 60_000);
