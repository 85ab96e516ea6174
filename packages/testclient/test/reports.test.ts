import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeReport } from '@cmc/attestationreport/codec';
import { BUILD_TIMEOUT_MS, type PartyVariant } from '@cmc/testbed';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, createSite, type Site } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

const NO_DAEMON = ['--cmc-addr', 'unix:///nowhere/cmcd.sock'];

/** A site whose folder has a report and its nonce, and the flags for a verifying daemon. */
async function withReport(variant: PartyVariant = 'good') {
  const site = await createSite();
  const prover = await site.startDaemon('prover', variant);
  const { code } = await site.testclient('generate', '--cmc-addr', prover.address);
  expect(code).toBe(0);
  const { address } = await site.startDaemon('verifier');
  return {
    site,
    verify: (...flags: string[]) => site.testclient('verify', '--cmc-addr', address, ...flags),
  };
}

function read({ folder }: Site, name: string): Buffer {
  return readFileSync(join(folder, name));
}

describe('generate', () => {
  test.each(['json', 'cbor'] as const)('stores a report in %s, and its nonce', async (form) => {
    const site = await createSite();
    const { address } = await site.startDaemon('prover');
    const flags = ['--cmc-addr', address, '--serialization', form, '--json'];
    const files = ['--report', 'report.bin', '--nonce', 'nonce.bin'];
    const { code, stdout, stderr } = await site.testclient('generate', ...flags, ...files);
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    const bytes = read(site, 'report.bin');
    expect(JSON.parse(stdout)).toStrictEqual({
      report: 'report.bin',
      nonce: 'nonce.bin',
      bytes: bytes.length,
    });
    const { report, serialization } = decodeReport(bytes);
    expect(serialization).toBe(form);
    expect(Buffer.from(report.context.nonce ?? [])).toStrictEqual(read(site, 'nonce.bin'));
  });

  test('takes another nonce each time', async () => {
    const site = await createSite();
    const { address } = await site.startDaemon('prover');
    const nonces: string[] = [];
    for (let i = 0; i < 2; i++) {
      expect(await site.testclient('generate', '--cmc-addr', address)).toMatchObject({ code: 0 });
      nonces.push(read(site, 'nonce').toString('hex'));
    }
    expect(nonces[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  test('without a daemon exits with 3 and writes nothing', async () => {
    const site = await createSite();
    const before = readdirSync(site.folder);
    const { code, stderr } = await site.testclient('generate', ...NO_DAEMON);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^testclient: ERR_API_UNAVAILABLE: [^\n]+\n$/);
    expect(readdirSync(site.folder)).toStrictEqual(before);
  });
});

describe('verify', () => {
  test('accepts a good report: exit code 0', async () => {
    const { site, verify } = await withReport();
    const { code, stdout, stderr } = await verify();
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/Result written to attestation-result.json/);
    const result = JSON.parse(read(site, 'attestation-result.json').toString());
    expect(result.summary.status).toBe('success');
  });

  test.each([
    ['tampered', /signature does not verify/],
    ['wrongCa', /Unknown Metadata CA/],
    ['expired', /not valid after/],
    ['extraComponent', /prover-guard/],
  ] as const)(
    'refuses the report of a %s party and says why: exit code 1',
    async (variant, reason) => {
      const { site, verify } = await withReport(variant);
      const { code, stdout } = await verify('--result', 'refused.json', '--json');
      expect(code).toBe(1);
      const { status, reasons } = JSON.parse(stdout);
      expect(status).toBe('fail');
      expect(reasons.join('\n')).toMatch(reason);
      const result = JSON.parse(read(site, 'refused.json').toString());
      expect(result.summary.status).toBe('fail');
    },
  );

  test('refuses a report for another nonce: exit code 1', async () => {
    const { site, verify } = await withReport();
    writeFileSync(join(site.folder, 'nonce'), Buffer.alloc(32));
    expect(await verify()).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/The nonce of the report: expected 0{64}, got /),
    });
  });

  test('refuses what is no report: exit code 1', async () => {
    const { site, verify } = await withReport();
    writeFileSync(join(site.folder, 'attestation-report'), 'hello');
    expect(await verify()).toMatchObject({ code: 1 });
  });

  test.each([
    ['accepts', "'use strict'; JSON.parse(json).type === 'Attestation Result'", 0],
    ['does not accept', 'false', 1],
  ])('with a policy that %s', async (_, policy, expected) => {
    const { site, verify } = await withReport();
    writeFileSync(join(site.folder, 'policy.js'), policy);
    expect(await verify('--policies', 'policy.js')).toMatchObject({ code: expected });
  });

  test.each([
    ['a nonce that is too short', 'nonce', Buffer.alloc(4), /nonce/],
    ['a nonce that is too long', 'nonce', Buffer.alloc(65), /nonce/],
  ])('does not take %s: exit code 2', async (_, file, bytes, reason) => {
    const { site, verify } = await withReport();
    writeFileSync(join(site.folder, file), bytes);
    const { code, stderr } = await verify();
    expect(code).toBe(2);
    expect(stderr).toMatch(reason);
    expect(readdirSync(site.folder)).not.toContain('attestation-result.json');
  });

  test.each(['report', 'nonce', 'policies'])(
    'cannot do without its %s: exit code 2',
    async (name) => {
      const { site, verify } = await withReport();
      const { code, stderr } = await verify(`--${name}`, 'missing');
      expect(code).toBe(2);
      expect(stderr).toMatch(new RegExp(`^testclient: ERR_CONFIG_UNREADABLE: ${name}: `));
      expect(readdirSync(site.folder)).not.toContain('attestation-result.json');
    },
  );

  test('without a daemon exits with 3', async () => {
    const { site } = await withReport();
    expect(await site.testclient('verify', ...NO_DAEMON)).toMatchObject({ code: 3 });
  });
});
