import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Component, generate } from '@cmc/attestationreport';
import { createContainerEvent } from '@cmc/driver-sw';
import { BUILD_TIMEOUT_MS, type Party } from '@cmc/testbed';
import { beforeAll, describe, expect, test } from 'vitest';
import { manifestOf } from '../../../packages/attestationreport/test/support/scene.ts';
import {
  createFakeChip,
  fakeSnp,
  snpReference,
} from '../../../packages/attestationreport/test/support/snp.ts';
import { manifestChanges } from '../src/diff/manifest-changes.ts';
import { type Change, compareEntries, type Entry } from '../src/diff/snapshot.ts';
import { createWorld } from './faults.ts';
import { parseOutput } from './outputs.ts';
import { buildProgram, createSite, type Site } from './site.ts';

beforeAll(buildProgram, BUILD_TIMEOUT_MS);

async function write(site: Site, name: string, party: Party): Promise<void> {
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  const { driver, metadata } = party;
  const report = await generate({ measurers: [driver], nonce, metadata, serialization: 'cbor' });
  writeFileSync(join(site.folder, name), report);
}

async function diff(
  site: Site,
  ...files: readonly string[]
): Promise<{ readonly code: number | null; readonly changes: readonly Change[] }> {
  const { code, stdout } = await site.cmcctl('diff', ...files, '--json');
  return { code, changes: parseOutput('diff', stdout).changes as Change[] };
}

const stranger = {
  name: 'stranger',
  config: JSON.stringify({ ociVersion: '1.2.0', process: { args: ['x'], cwd: '/' } }),
  containerId: 'cd'.repeat(32),
  rootfs: new Uint8Array(32),
};

describe('diff', () => {
  test('of two reports over different nonces is empty and exits with 0', async () => {
    const site = await createSite();
    const party = await site.testbed.party('prover');
    await write(site, 'a', party);
    await write(site, 'b', party);
    expect(await diff(site, 'a', 'b')).toEqual({ code: 0, changes: [] });
    const { stdout } = await site.cmcctl('diff', 'a', 'b');
    expect(stdout).toBe('no differences between reports.\n');
  });

  test('of two reports names events and metadata that changed, and exits with 1', async () => {
    const site = await createSite();
    const party = await site.testbed.party('prover');
    await write(site, 'a', party);
    const version = new Date(Date.now() + 60_000);
    const { metadata } = await site.testbed.party('prover', { version });
    await party.containerLog.append(await createContainerEvent(stranger));
    await write(site, 'b', { ...party, metadata });
    const { code, changes } = await diff(site, 'a', 'b');
    expect(code).toBe(1);
    expect(changes.map(({ section, name, kind }) => `${kind} ${section} ${name}`).sort()).toEqual([
      'added events SW 0 stranger',
      'changed metadata Image Description prover.image',
      'changed metadata Manifest prover.application',
      'changed metadata Manifest prover.platform',
    ]);
    const { stdout } = await site.cmcctl('diff', 'a', 'b');
    expect(stdout).toMatch(/^\+ events: SW 0 stranger: SHA-256 [0-9a-f]{64}/m);
    expect(stdout).toMatch(/4 differences between reports\.\n$/);
  });

  test('of a report and its manifests names what has no reference and what was not measured', async () => {
    const site = await createSite();
    const party = await site.testbed.party('prover', { variant: 'extraComponent' });
    party.metadata.forEach((item, i) => {
      writeFileSync(join(site.folder, `item-${i}`), item);
    });
    await party.containerLog.append(await createContainerEvent(stranger));
    await write(site, 'r', party);
    const { code, changes } = await diff(site, 'r', 'item-1', 'item-2');
    expect(code).toBe(1);
    expect(changes.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'removed SW 0 prover-guard',
      'added SW 0 stranger',
    ]);
  });

  test('of a report and its manifests goes by values, whatever the names and banks', async () => {
    const { scene, amd } = await createWorld();
    const tpm = (name: string, index: string, ...hashes: readonly [string, number][]) => ({
      type: 'firmware',
      name,
      hashes: hashes.map(([alg, byte]) => ({ alg, content: new Uint8Array(32).fill(byte) })),
      properties: [
        { name: 'cmc.ta', value: 'TPM' },
        { name: 'cmc.index', value: index },
      ],
    });
    const events = [
      tpm('TPM_PCR_INIT_VALUE', '4', ['SHA-256', 0]),
      tpm('shim', '4', ['SHA-256', 1]),
      tpm('grub', '4', ['SHA-256', 2]),
      tpm('evil', '4', ['SHA-256', 3]),
    ];
    const references = [
      tpm('boot loader', '4', ['SHA-1', 9], ['SHA-256', 1]),
      tpm('grub', '4', ['SHA-256', 7]),
      tpm('kernel', '4', ['SHA-256', 8]),
      { ...tpm('module', '4', ['SHA-256', 8]), optional: true },
    ];
    const chip = await createFakeChip(amd);
    const report = await scene.report({
      measurers: [
        fakeSnp(amd.product, chip),
        {
          name: 'tpm',
          prepare: async () => ({
            collateral: [
              { type: 'TPM Evidence', artifacts: [{ type: 'PCR Eventlog', index: 4, events }] },
            ],
            measure: async () => [{ type: 'TPM Evidence', evidence: new Uint8Array() }],
          }),
        },
      ],
    });
    const manifest = (components: Component[]) => scene.sign(manifestOf('x', 'x', components));
    const changes = async (...components: Component[]) =>
      manifestChanges(report, [await manifest([...components, ...references])]).map(
        ({ kind, name }) => `${kind} ${name}`,
      );
    const expected = ['changed TPM 4 grub', 'removed TPM 4 kernel', 'added TPM 4 evil'];
    expect(await changes(snpReference())).toEqual(expected);
    expect(await changes(snpReference(new Uint8Array(48)))).toEqual([
      'changed SNP measurement',
      ...expected,
    ]);
  });

  test('of two results tells the verdicts', async () => {
    const site = await createSite();
    const { verify } = await import('@cmc/attestationreport');
    const { attestationResultSchema, encodeStruct } = await import('@cmc/attestationreport/codec');
    for (const variant of ['good', 'tampered'] as const) {
      const { driver, metadata } = await site.testbed.party('prover', { variant });
      const nonce = new Uint8Array(32);
      const report = await generate({ measurers: [driver], nonce, metadata });
      const { metadataRoots } = site.testbed;
      const { result } = await verify(report, { nonce, metadataRoots });
      writeFileSync(
        join(site.folder, variant),
        encodeStruct(attestationResultSchema, result, 'json'),
      );
    }
    const { code, changes } = await diff(site, 'good', 'tampered');
    expect(code).toBe(1);
    expect(changes[0]).toEqual({
      section: 'verdict',
      name: 'status',
      kind: 'changed',
      from: 'success',
      to: 'fail',
    });
    expect(changes.map(({ name }) => name)).toContain('finding signature-invalid');
    expect(await diff(site, 'good', 'good')).toEqual({ code: 0, changes: [] });
  });

  test('of a result and a report is a wrong call, as is of bytes that are neither', async () => {
    const site = await createSite();
    writeFileSync(join(site.folder, 'x'), 'hello');
    const { code, stderr } = await site.cmcctl('diff', 'x', 'x');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/ERR_/);
    expect((await site.cmcctl('diff', 'x')).code).toBe(2);
  });
});

test('values of one name are compared as a set, each as often as it is there', () => {
  const entries = (...values: string[]): Entry[] =>
    values.map((value) => ({ section: 'events', name: 'x', value }));
  const kinds = (from: Entry[], to: Entry[]): string[] =>
    compareEntries(from, to).map(({ kind, from: a, to: b }) => `${kind} ${a} ${b}`);
  expect(kinds(entries('a', 'b'), entries('b', 'a'))).toEqual([]);
  expect(kinds(entries('a', 'a'), entries('a'))).toEqual(['removed a undefined']);
  expect(kinds(entries('a'), entries('a', 'b'))).toEqual(['added undefined b']);
  expect(kinds(entries('a', 'b'), entries('b', 'c', 'd'))).toEqual([
    'changed a c',
    'added undefined d',
  ]);
});
