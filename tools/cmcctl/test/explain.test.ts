import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS, type PartyVariant } from '@cmc/testbed';
import { vectorsDir } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseOutput } from './outputs.ts';
import { buildProgram, createSite, type Site } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

async function siteWithReport(variant: PartyVariant = 'good'): Promise<Site> {
  const site = await createSite();
  const { address } = await site.startDaemon('prover', variant);
  const { code } = await site.cmcctl(
    ...['generate', '--cmc-addr', address, '--report', 'r', '--nonce', 'n'],
  );
  expect(code).toBe(0);
  return site;
}

describe('explain', () => {
  test('a report: why it is refused, what was expected, what to do; exits with 1', async () => {
    const site = await siteWithReport('expired');
    const flags = ['--nonce', 'n', '--root-cas', site.files.metadataCa];
    const { code, stdout } = await site.cmcctl('explain', 'r', ...flags);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^The report of .* is refused\.\n\n1\. error metadata-expired\n/);
    expect(stdout).toMatch(/ {3}expected {2}between .* and .*\n {3}got {7}\d{4}-/);
    expect(stdout).toMatch(/ {3}to do {5}Sign the item anew/);
  });

  test('a report that the daemon verifies', async () => {
    const site = await createSite();
    const { address } = await site.startDaemon('prover', 'missingManifest');
    const daemon = ['--cmc-addr', address];
    await site.cmcctl('generate', ...daemon, '--report', 'r', '--nonce', 'n');
    const { code, stdout } = await site.cmcctl('explain', 'r', '--nonce', 'n', ...daemon, '--json');
    expect(code).toBe(1);
    const { findings } = parseOutput('explain', stdout);
    expect(findings.map(({ id }) => id)).toContain('manifest-missing');
    const nobody = ['--cmc-addr', 'unix:///nowhere/cmcd.sock'];
    expect((await site.cmcctl('explain', 'r', '--nonce', 'n', ...nobody)).code).toBe(3);
  });

  test('a result, for machines', async () => {
    const site = await siteWithReport('extraComponent');
    const flags = ['--nonce', 'n', '--root-cas', site.files.metadataCa];
    const { code } = await site.cmcctl(
      ...['verify', '--standalone', '--report', 'r', '--result', 'result.json', ...flags],
    );
    expect(code).toBe(1);
    const { stdout, ...end } = await site.cmcctl('explain', 'result.json', '--json');
    expect(end).toMatchObject({ code: 1, stderr: '' });
    const explained = parseOutput('explain', stdout);
    expect(explained.findings[0]).toMatchObject({
      id: 'software-missing',
      path: 'measurements[0].artifacts[0]',
      link: 'docs/reasons.md#software-missing',
    });
  });

  test('a result of acceptance exits with 0, and its page has chains and times', async () => {
    const site = await createSite();
    const sample = join(vectorsDir(), 'report', 'attestation-result.json');
    const outcome = await site.cmcctl('explain', sample, '--html', 'page.html');
    expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/is accepted/) });
    const page = readFileSync(join(site.folder, 'page.html'), 'utf8');
    expect(page).toContain('<ol class="chain">');
    expect(page).toContain('<rect class=');
  });

  test.each([
    [['explain', 'r'], /no attestation result; to explain a report, give one nonce/],
    [['explain', 'nowhere'], /nowhere/],
    [['explain'], /file/],
  ])('%j is a wrong call: exit code 2', async (args, reason) => {
    const site = await createSite();
    writeFileSync(join(site.folder, 'r'), 'hello');
    const { code, stderr } = await site.cmcctl(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(reason);
  });

  test('bytes that are no report are refused with their reason', async () => {
    const site = await createSite();
    writeFileSync(join(site.folder, 'r'), 'hello');
    const flags = ['--nonce', '00'.repeat(8), '--root-cas', site.files.metadataCa];
    const { code, stdout } = await site.cmcctl('explain', 'r', ...flags);
    expect(code).toBe(1);
    expect(stdout).toMatch(/1\. error report-unreadable/);
  });
});
