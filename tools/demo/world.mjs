// What exists before two programs meet: authorities, software, signed manifests, daemons with keys.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCmcClient } from '@cmc/api';
import { componentSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { createFakeCa } from '@cmc/testkit';
import { mustRun, start } from './programs.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const DAY_MS = 86_400_000;

/** Makes the authority under which developers sign manifests, and one developer. */
export async function makeDeveloper(folder) {
  const ca = createFakeCa({ commonName: 'Demo Developer CA' });
  const { chainPem, privateKeyPem } = await ca.issue({
    commonName: 'Demo Developer',
    extendedKeyUsage: ['codeSigning'],
  });
  writeFileSync(join(folder, 'ca.pem'), ca.pem);
  writeFileSync(join(folder, 'developer.pem'), chainPem);
  writeFileSync(join(folder, 'developer.key'), privateKeyPem, { mode: 0o600 });
}

/** Makes a provisioning server that wants an attestation and a token. */
export async function makeProvserver(folder) {
  const allowed = ['--allow-names', '{prover},localhost'];
  await mustRun('provserver', ['init', '--dir', join(folder, 'prov'), ...allowed], folder);
  const path = join(folder, 'prov', 'provserver.json');
  const config = JSON.parse(readFileSync(path, 'utf8'));
  const endpoints = { ...config.endpoints, attestenroll: ['attestation', 'token'] };
  const demo = { estAddr: '127.0.0.1:0', rootCas: rootsOf(folder), endpoints };
  writeFileSync(path, JSON.stringify({ ...config, ...demo }));
}

/** Starts the provisioning server; its URL. */
export async function startProvserver(folder) {
  const { entry } = await start(
    'provserver',
    ['serve', '--config', join(folder, 'prov', 'provserver.json')],
    folder,
    ({ message }) => message === 'listening',
  );
  return `https://localhost:${entry.address.split(':').at(-1)}`;
}

/** Roots of manifests, and of the provisioning server. */
function rootsOf(folder) {
  return [join(folder, 'ca.pem'), join(folder, 'prov', 'root.pem')];
}

/** The software of a party: the program that it runs, as a container would hold it. */
export function makeSoftware(folder, party) {
  const rootfs = join(folder, party, 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  cpSync(`${root}tools/cmcctl/dist`, rootfs, { recursive: true });
  writeFileSync(join(rootfs, 'role'), party);
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
    party,
    '--rootfs',
    file('rootfs'),
    '--spec',
    file('config.json'),
    '--ignore-capabilities',
  ];
  const tool = (...args) => mustRun('metatool', args, folder);
  await Promise.all([
    tool('create', 'component', ...container, '--out', file('component.json')),
    tool('create', 'component', ...container, '--event', '--out', file('event.json')),
  ]);
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

/** Starts the daemon of a party, with a token for one key, and has it measure the party's software. */
export async function startDaemon(folder, party, provserver) {
  const address = `unix://${join(folder, party, 'cmcd.sock')}`;
  const token = join(folder, party, 'token');
  const config = ['--config', join(folder, 'prov', 'provserver.json')];
  const names = ['--names', `${party},localhost`];
  const secret = await mustRun('provserver', ['token', ...config, ...names], folder);
  writeFileSync(token, secret, { mode: 0o600 });
  const { child } = await start(
    'cmcd',
    [
      ...['--api', 'socket', '--cmc-addr', address, '--root-cas', rootsOf(folder).join(',')],
      ...['--drivers', 'sw', '--storage', join(folder, party, 'storage')],
      ...['--metadata', `file://${join(folder, party, 'metadata')}`, '--name', party],
      ...['--enrollment-mode', 'est', '--enrollment-addr', provserver],
      ...['--provision-token', token],
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

/** Has the daemon make a TLS key and enrol it; what cmcctl says. */
export async function enrollKey(folder, party, address) {
  const names = ['--tls-cn', party, '--tls-dns-names', 'localhost'];
  const key = ['--key-id', keyIdFile(folder, party)];
  return await mustRun('cmcctl', ['enroll-key', '--cmc-addr', address, ...key, ...names], folder);
}

/** Flags for a connection with a key that the daemon keeps, trusting the provisioning server. */
export function connectionFlags(folder, party, address) {
  const mode = ['--attest', 'mutual', '--mtls', '--root-cas', join(folder, 'prov', 'root.pem')];
  return ['--cmc-addr', address, '--key-id', keyIdFile(folder, party), ...mode];
}

function keyIdFile(folder, party) {
  return join(folder, party, 'key-id');
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
