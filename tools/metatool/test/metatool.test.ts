import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { createFakeCa, type FakeCa, type IssuedCertificate } from '@cmc/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
let ca: FakeCa;
let signer: IssuedCertificate;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cmc-metatool-'));
  ca = createFakeCa();
  signer = await ca.issue({ commonName: 'signer', extendedKeyUsage: ['codeSigning'] });
  const second = await ca.issue({ commonName: 'second signer' });
  file('ca.pem', ca.pem);
  file('signer.pem', signer.chainPem);
  file('signer.key', signer.privateKeyPem);
  file('second.pem', second.chainPem);
  file('second.key', second.privateKeyPem);
  file('other-ca.pem', createFakeCa({ commonName: 'other' }).pem);
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

function metatool(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: folder }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, stdout, stderr });
    });
  });
}

const MANIFEST = ['create', 'manifest', '--name', 'app', '--version', '2026-01-01T00:00:00Z'];
const VALID = ['--not-before', '2026-01-01T00:00:00Z', '--not-after', '2099-01-01T00:00:00Z'];
const SIGNED = ['--keys', 'signer.key', '--x5cs', 'signer.pem'];

describe('metatool', () => {
  test.each(['json', 'cbor'])('makes, signs and verifies a manifest in %s', async (format) => {
    const out = `app.${format}`;
    const made = await metatool(
      ...MANIFEST,
      ...VALID,
      '--base-layers',
      'app',
      '--cert-level',
      '1',
      '--details',
      'a=b',
      '--format',
      format,
      '--out',
      out,
    );
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const signed = `${out}.signed`;
    expect(await metatool('sign', '--in', out, '--out', signed, ...SIGNED)).toMatchObject({
      code: 0,
    });
    const verified = await metatool('verify', '--in', signed, '--roots', 'ca.pem', '--json');
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, type: 'Manifest', name: 'app' });
    const shown = await metatool('show', signed);
    expect(JSON.parse(shown.stdout)).toStrictEqual({
      type: 'Manifest',
      name: 'app',
      version: '2026-01-01T00:00:00Z',
      validity: { notBefore: '2026-01-01T00:00:00Z', notAfter: '2099-01-01T00:00:00Z' },
      baseLayers: ['app'],
      certLevel: 1,
      details: { a: 'b' },
    });
  });

  test('signs with several keys, and verify counts them', async () => {
    await metatool(
      ...MANIFEST,
      ...VALID,
      '--out',
      'two.jws',
      '--keys',
      'signer.key,second.key',
      '--x5cs',
      'signer.pem:second.pem',
    );
    expect(JSON.parse(readFileSync(join(folder, 'two.jws'), 'utf8')).signatures).toHaveLength(2);
    const verify = ['verify', '--in', 'two.jws', '--roots', 'ca.pem', '--minimum-signers'];
    expect((await metatool(...verify, '2')).code).toBe(0);
    expect((await metatool(...verify, '3')).code).toBe(1);
  });

  test('converts from JSON to CBOR and back without a change', async () => {
    await metatool(...MANIFEST, ...VALID, '--out', 'a.json');
    await metatool('convert', '--in', 'a.json', '--format', 'cbor', '--out', 'a.cbor');
    await metatool('convert', '--in', 'a.cbor', '--format', 'json', '--out', 'b.json');
    expect(readFileSync(join(folder, 'b.json'))).toStrictEqual(
      readFileSync(join(folder, 'a.json')),
    );
  });

  test('adds a description to an image description, replacing the one of the same name', async () => {
    for (const manifest of ['old', 'new']) {
      await metatool(
        'create',
        'manifest-description',
        '--name',
        'd',
        '--manifest',
        manifest,
        '--out',
        `${manifest}.d`,
      );
    }
    await metatool(
      'create',
      'image-description',
      '--name',
      'image',
      '--version',
      'now',
      ...VALID,
      '--add-description',
      'old.d',
      '--out',
      'image.json',
    );
    const replaced = await metatool(
      'create',
      'image-description',
      '--in',
      'image.json',
      '--add-description',
      'new.d',
    );
    expect(JSON.parse(replaced.stdout).descriptions).toStrictEqual([
      { type: 'Manifest Description', name: 'd', manifest: 'new' },
    ]);
  });

  test('makes a reference value and the event of a container that agree', async () => {
    mkdirSync(join(folder, 'rootfs'), { recursive: true });
    file('rootfs/app', 'hello');
    file(
      'config.json',
      JSON.stringify({ ociVersion: '1.2.0', process: { user: {}, cwd: '/', args: ['/app'] } }),
    );
    const container = [
      'create',
      'component',
      '--name',
      'app',
      '--rootfs',
      'rootfs',
      '--spec',
      'config.json',
      '--ignore-capabilities',
    ];
    const reference = JSON.parse((await metatool(...container)).stdout);
    const event = JSON.parse((await metatool(...container, '--event')).stdout);
    expect(event.ctrData).toStrictEqual(reference.ctrData);
    expect(reference.properties).toContainEqual({ name: 'cmc.ta', value: 'SW' });
    file('app.component', JSON.stringify(reference));
    const manifest = await metatool(...MANIFEST, ...VALID, '--components', 'app.component');
    expect(JSON.parse(manifest.stdout).sbom.components).toStrictEqual([reference]);
  });

  test.each([
    ['a signature by a stranger', ['--roots', 'other-ca.pem']],
    ['an item that has expired', ['--roots', 'ca.pem', '--at', '2099-06-01T00:00:00Z']],
    ['an item that is not valid yet', ['--roots', 'ca.pem', '--at', '2025-06-01T00:00:00Z']],
  ])('verify exits with 1 for %s', async (_, args) => {
    await metatool(...MANIFEST, ...VALID, ...SIGNED, '--out', 'v.jws');
    expect((await metatool('verify', '--in', 'v.jws', ...args)).code).toBe(1);
  });

  test('verify exits with 1 for a manifest that was changed after signing', async () => {
    await metatool(...MANIFEST, ...VALID, ...SIGNED, '--format', 'cbor', '--out', 't.cose');
    const bytes = readFileSync(join(folder, 't.cose'));
    bytes[bytes.indexOf('app')] = 'x'.charCodeAt(0);
    file('t.cose', bytes);
    expect((await metatool('verify', '--in', 't.cose', '--roots', 'ca.pem')).code).toBe(1);
  });

  test.each([
    ['a manifest without validity', [...MANIFEST]],
    [
      'a version that is no time',
      ['create', 'manifest', '--name', 'a', '--version', '1.0', ...VALID],
    ],
    [
      'a component with a mistyped key',
      [...MANIFEST, ...VALID, '--components', '[{"type":"data","name":"x","hashs":[1]}]'],
    ],
    [
      'more keys than chains',
      [...MANIFEST, ...VALID, '--keys', 'signer.key,second.key', '--x5cs', 'signer.pem'],
    ],
    [
      'a key that does not belong to the certificate',
      [...MANIFEST, ...VALID, '--keys', 'second.key', '--x5cs', 'signer.pem'],
    ],
    ['an input that is not there', ['sign', '--in', 'missing', ...SIGNED]],
    ['an unknown command', ['creat', 'manifest']],
    ['an unknown flag', ['convert', '--in', 'x', '--formt', 'json']],
  ])('exits with 2 for %s, and says why', async (_, args) => {
    const run = await metatool(...args);
    expect(run.code).toBe(2);
    expect(run.stderr).not.toBe('');
    expect(run.stdout).toBe('');
  });

  test('writes nothing when it fails', async () => {
    await metatool(...MANIFEST, '--out', 'never.json');
    expect(() => readFileSync(join(folder, 'never.json'))).toThrow();
  });

  test('signing a signed item is refused', async () => {
    const metadata = encodeStruct(metadataSchema, { type: 'Manifest' }, 'json');
    file('raw.json', metadata);
    await metatool('sign', '--in', 'raw.json', '--out', 'once.jws', ...SIGNED);
    expect(await metatool('sign', '--in', 'once.jws', ...SIGNED)).toMatchObject({ code: 2 });
  });
});
