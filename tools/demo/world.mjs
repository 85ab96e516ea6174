// What exists before two programs meet: an authority, software, signed manifests, daemons.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCmcClient } from '@cmc/api';
import { componentSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { createFakeCa } from '@cmc/testkit';
import { mustRun, start } from './programs.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const DAY_MS = 86_400_000;

/** Writes the certificates of the demo into `folder`. */
export async function makeCertificates(folder) {
  const ca = createFakeCa({ commonName: 'Demo Root CA' });
  writeFileSync(join(folder, 'ca.pem'), ca.pem);
  const write = async (name, options) => {
    const { chainPem, privateKeyPem } = await ca.issue(options);
    writeFileSync(join(folder, `${name}.pem`), chainPem);
    writeFileSync(join(folder, `${name}.key`), privateKeyPem, { mode: 0o600 });
  };
  const tls = { dnsNames: ['localhost'], extendedKeyUsage: ['serverAuth', 'clientAuth'] };
  await write('developer', { commonName: 'Demo Developer', extendedKeyUsage: ['codeSigning'] });
  await write('connector', { commonName: 'connector', ...tls });
  await write('client', { commonName: 'client', ...tls });
}

/** The software of a party: the program that it runs, as a container would hold it. */
export function makeSoftware(folder, party) {
  const rootfs = join(folder, party, 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  cpSync(`${root}packages/test${party}/dist`, rootfs, { recursive: true });
  const spec = {
    ociVersion: '1.2.0',
    process: { user: { uid: 1000, gid: 1000 }, args: ['node', '/main.js'], cwd: '/' },
    root: { path: 'rootfs', readonly: true },
  };
  writeFileSync(join(folder, party, 'config.json'), JSON.stringify(spec));
}

/** Reference values of a party's software, signed by the developer. */
export async function makeMetadata(folder, party) {
  const item = [
    ...['--version', 'now', '--not-after', new Date(Date.now() + DAY_MS).toISOString()],
    ...['--keys', 'developer.key', '--x5cs', 'developer.pem,ca.pem'],
  ];
  const metadata = join(folder, party, 'metadata');
  mkdirSync(metadata);
  const file = (name) => join(folder, party, name);
  const container = [
    '--name',
    `test${party}`,
    '--rootfs',
    file('rootfs'),
    '--spec',
    file('config.json'),
    '--ignore-capabilities',
  ];
  const tool = (...args) => mustRun('metatool', args, folder);
  await tool('create', 'component', ...container, '--out', file('component.json'));
  await tool('create', 'component', ...container, '--event', '--out', file('event.json'));
  const manifests = {
    [`${party}.platform`]: ['--base-layers', `${party}.platform`],
    [`${party}.software`]: [
      '--base-layers',
      `${party}.platform`,
      '--components',
      file('component.json'),
    ],
  };
  for (const [name, flags] of Object.entries(manifests)) {
    const out = join(metadata, `${name}.json`);
    await tool(
      'create',
      'manifest',
      '--name',
      name,
      '--cert-level',
      '1',
      ...flags,
      ...item,
      '--out',
      out,
    );
    const description = ['--name', `${name}.description`, '--manifest', name];
    await tool(
      'create',
      'manifest-description',
      ...description,
      '--out',
      file(`${name}.description`),
    );
  }
  const descriptions = Object.keys(manifests).flatMap((name) => [
    '--add-description',
    file(`${name}.description`),
  ]);
  const out = join(metadata, 'image.json');
  await tool(
    'create',
    'image-description',
    '--name',
    `${party}.image`,
    ...descriptions,
    ...item,
    '--out',
    out,
  );
}

/** Starts the daemon of a party and has it measure the party's software. */
export async function startDaemon(folder, party) {
  const address = `unix://${join(folder, party, 'cmcd.sock')}`;
  const { child } = await start(
    'cmcd',
    [
      ...['--api', 'socket', '--cmc-addr', address, '--root-cas', join(folder, 'ca.pem')],
      ...['--drivers', 'sw', '--storage', join(folder, party, 'storage')],
      ...['--metadata', `file://${join(folder, party, 'metadata')}`, '--name', party],
    ],
    folder,
    (entry) => entry.message === 'ready',
  );
  const client = await createCmcClient({ api: 'socket', address });
  try {
    const { value } = decodeStruct(
      componentSchema,
      readFileSync(join(folder, party, 'event.json')),
    );
    const { success } = await client.measure({ event: value });
    if (!success)
      throw new Error(`the daemon of the ${party} did not record the start of its software`);
  } finally {
    await client.close();
  }
  return { address, child };
}

/** Changes a signed manifest as somebody would who wants other software to be accepted. */
export function tamper(folder, party) {
  const path = join(folder, party, 'metadata', `${party}.software.json`);
  const signed = JSON.parse(readFileSync(path, 'utf8'));
  const manifest = JSON.parse(Buffer.from(signed.payload, 'base64url').toString());
  const [hash] = manifest.sbom.components[0].hashes;
  const before = hash.content;
  hash.content = 'bad0'.repeat(16);
  signed.payload = Buffer.from(JSON.stringify(manifest)).toString('base64url');
  writeFileSync(path, JSON.stringify(signed));
  return { path, before, after: hash.content };
}
