import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_TIMEOUT_MS, type PartyVariant, writeParty } from '@cmc/testbed';
import { beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { buildProgram, createSite } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

const EXAMPLES = new URL('../../../examples/', import.meta.url);
const example = (name: string): string => readFileSync(new URL(name, EXAMPLES), 'utf8');

/** The lines of a block scalar, `key: |` or `key:` with one item `- |`, without their indentation. */
function blockOf(yaml: string, key: string): string {
  const lines = yaml.split('\n');
  const at = lines.findIndex((line) => line.trim() === `${key}: |` || line.trim() === `${key}:`);
  const first = lines[at + 1]?.trim() === '- |' ? at + 2 : at + 1;
  const indent = /^ */.exec(lines[first] ?? '')?.[0].length ?? 0;
  const end = lines.findIndex(
    (line, index) => index > first && line !== '' && !line.startsWith(' '.repeat(indent)),
  );
  return lines
    .slice(first, end < 0 ? undefined : end)
    .map((line) => line.slice(indent))
    .join('\n');
}

/** Values of the lines `  NAME: value` below `key:`. */
function mapOf(yaml: string, key: string): Readonly<Record<string, string>> {
  const block = blockOf(yaml, key);
  return Object.fromEntries([...block.matchAll(/^([A-Z_]+): (.*)$/gm)].map(([, n, v]) => [n, v]));
}

async function withReport(variant: PartyVariant) {
  const site = await createSite();
  const { address } = await site.startDaemon('prover', variant);
  const files = ['--report', 'report.cbor', '--nonce', 'nonce.bin'];
  const { code } = await site.cmcctl('generate', '--cmc-addr', address, ...files);
  expect(code).toBe(0);
  return { site, address };
}

describe('the GitHub action', () => {
  const yaml = example('github-action/action.yml');
  const script = blockOf(yaml, 'run');

  async function run(variant: PartyVariant, inputs: Readonly<Record<string, string>> = {}) {
    const { site } = await withReport(variant);
    const given: Readonly<Record<string, string>> = {
      report: 'report.cbor',
      nonce: 'nonce.bin',
      'root-cas': site.files.metadataCa,
      policies: '',
      sarif: 'attestation.sarif',
      version: packageJson.version,
      ...inputs,
    };
    const env = Object.entries(mapOf(yaml, 'env')).map(([name, value]) => {
      const input = /^\$\{\{ inputs\.([a-z-]+) \}\}$/.exec(value)?.[1] ?? '';
      return [name, given[input] ?? expect.unreachable(`input ${input}`)];
    });
    const output = join(site.folder, 'output');
    // As the runner calls bash.
    const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script];
    const end = await site.shell('bash', args, {
      ...Object.fromEntries(env),
      GITHUB_OUTPUT: output,
    });
    return { ...end, site, output: readFileSync(output, 'utf8') };
  }

  test('never puts an input into the text of its script', () => {
    expect(script).toMatch(/npx --yes/);
    expect(script).not.toContain('${{');
  });

  test('installs the version of this package', () => {
    expect(yaml).toContain(`default: ${packageJson.version}\n`);
  });

  test('passes with a good report', async () => {
    const { code, stdout, stderr, output, site } = await run('good');
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^::notice file=report\.cbor,/);
    expect(output).toBe('status=accepted\n');
    const sarif = JSON.parse(readFileSync(join(site.folder, 'attestation.sarif'), 'utf8'));
    expect(sarif.runs[0].results).toMatchObject([{ kind: 'pass' }]);
  });

  test('fails with a bad report, annotates it, and still writes SARIF', async () => {
    const { code, stdout, output, site } = await run('expired');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^::error file=report\.cbor,/);
    expect(output).toBe('status=refused\n');
    const sarif = JSON.parse(readFileSync(join(site.folder, 'attestation.sarif'), 'utf8'));
    expect(sarif.runs[0].results).toMatchObject([{ kind: 'fail', level: 'error' }]);
  });

  test('fails with an error when a file is missing, and runs no input', async () => {
    const { code, output } = await run('good', { report: '$(touch hacked); "; exit 0 #' });
    expect(code).toBe(2);
    expect(output).toBe('status=error\n');
  });
});

describe('the GitLab job', () => {
  const yaml = example('gitlab-ci/.gitlab-ci.yml');

  test.each([
    ['good', 0, /failures="0"/],
    ['expired', 1, /failures="1"/],
  ] as const)('with a %s report exits with %d', async (variant, expected, counts) => {
    const { site } = await withReport(variant);
    const env = { ...mapOf(yaml, 'variables'), ROOT_CAS: site.files.metadataCa };
    const { code } = await site.shell(
      'bash',
      ['-eo', 'pipefail', '-c', blockOf(yaml, 'script')],
      env,
    );
    expect(code).toBe(expected);
    expect(readFileSync(join(site.folder, 'attestation.xml'), 'utf8')).toMatch(counts);
  });

  test('installs the version of this package', () => {
    expect(mapOf(yaml, 'variables')['CMCCTL_VERSION']).toBe(packageJson.version);
  });
});

test('the command lines of the README do what they say', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const block = /```sh\n([^`]*)```/.exec(readme)?.[1] ?? '';
  const lines = block.split('\n').filter((line) => line.startsWith('cmcctl '));
  expect(lines.length).toBeGreaterThan(4);
  const { site, address } = await withReport('good');
  // What the lines find on a machine that is set up.
  const party = await site.testbed.party('node');
  const { metadata } = await writeParty(site.folder, party, site.files);
  writeFileSync(join(site.folder, 'ca.pem'), readFileSync(site.files.metadataCa));
  const ecKey = ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  await site.shell('openssl', [...ecKey, '-out', 'key.pem']);
  for (const name of ['a', 'b', 'yesterday', 'today']) {
    const files = ['--report', `${name}.cbor`, '--nonce', `${name}.nonce`];
    await site.cmcctl('generate', '--cmc-addr', address, ...files);
  }
  for (const line of lines) {
    const asked = /^cmcctl (generate|verify|doctor)(?!.*--standalone)/.test(line);
    const command = line
      .replace(/^cmcctl \w+/, asked ? `$& --cmc-addr ${address}` : '$&')
      .replace('file:///etc/cmc/metadata', metadata[0] ?? '');
    const { code, stderr } = await site.shell('bash', ['-c', command]);
    // Whether doctor has found a problem depends on the machine that this test runs on.
    const isDone = code === 0 || (code === 1 && line.startsWith('cmcctl doctor'));
    expect({ line, isDone, stderr }).toStrictEqual({ line, isDone: true, stderr: '' });
  }
  expect(readFileSync(join(site.folder, 'attestation.xml'), 'utf8')).toMatch(/tests="2"/);
  expect(readFileSync(join(site.folder, 'result.jwt'), 'utf8').split('.')).toHaveLength(3);
});
