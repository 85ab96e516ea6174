import { mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createSoftwareKey, softwareSigner } from '@cmc/driver-sw';
import { ipOctets, isDnsName, issueCertificate, issueRoot, KeyPurpose } from '@cmc/est';
import { syncFolder, UsageError, writeFileAtomic } from '@cmc/host';
import { DEFAULT_ENDPOINTS } from '../config/endpoints.ts';
import { isNamePattern } from '../config/name-pattern.ts';
import type { ProvserverConfig } from '../config/schema.ts';
import { ProvError } from '../errors.ts';
import { pemOf } from './pem.ts';

export interface InitOptions {
  /** Folder that is made; it must not exist, or be empty. */
  readonly dir: string;
  /** DNS names and IP addresses of the server. */
  readonly names: readonly string[];
  /** Names that attested devices may have. */
  readonly allowedNames: readonly string[];
  readonly now: Date;
}

const DAY_MS = 86_400_000;
const ROOT_LIFETIME_MS = 3650 * DAY_MS;
const ISSUER_LIFETIME_MS = 1825 * DAY_MS;
const SERVER_LIFETIME_MS = 365 * DAY_MS;
const READABLE = { mode: 0o644 };

/**
 * Makes a CA, the TLS certificate of a server and its config file, all or nothing. The answer is the
 * path of the config file.
 * @throws {ProvError} ERR_PROV_EXISTS there is something in the folder @throws {UsageError} a name
 */
export async function init({ dir, names, allowedNames, now }: InitOptions): Promise<string> {
  const folder = resolve(dir);
  const dnsNames = names.filter((name) => ipOctets(name) === undefined);
  const ipAddresses = names.filter((name) => ipOctets(name) !== undefined);
  const wrong = dnsNames.find((name) => !isDnsName(name));
  if (wrong !== undefined) {
    throw new UsageError(`--name: expected a DNS name or an IP address, got "${wrong}"`);
  }
  const noPattern = allowedNames.find((name) => !isNamePattern(name));
  if (noPattern !== undefined) {
    throw new UsageError(
      `--allow-names: expected names, *.example.org, {prover} or *, got "${noPattern}"`,
    );
  }
  const made = await mkdtemp(`${folder}.`).catch((cause: unknown) => {
    throw new ProvError('ERR_PROV_CONFIG', `no file can be made in ${dirname(folder)}`, { cause });
  });
  try {
    const chain = await makeAuthority(made, now);
    await makeServerCertificate(made, chain, { dnsNames, ipAddresses, now });
    const config = `${JSON.stringify(safeConfig(folder, allowedNames), undefined, 2)}\n`;
    await writeFileAtomic(join(made, 'provserver.json'), config);
    await put(made, folder);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return join(folder, 'provserver.json');
}

type Issuer = ReturnType<typeof softwareSigner>;

/** A root that is needed again only for another issuer, and the issuer. */
async function makeAuthority(folder: string, now: Date): Promise<Issuer> {
  const rootKey = await createSoftwareKey({ algorithm: 'EC384' });
  const root = await issueRoot(
    {
      subject: { commonName: 'CMC Root CA' },
      ca: { pathLength: 1 },
      lifetimeMs: ROOT_LIFETIME_MS,
    },
    { issuer: softwareSigner({ privateKey: rootKey }), now },
  );
  const key = await createSoftwareKey({ algorithm: 'EC256' });
  const { certificate } = await issueCertificate(
    {
      subject: { commonName: 'CMC Issuing CA' },
      publicKey: softwareSigner({ privateKey: key }).publicKey,
      ca: { pathLength: 0 },
      lifetimeMs: ISSUER_LIFETIME_MS,
    },
    {
      issuer: softwareSigner({ privateKey: rootKey, certificateChain: [root.certificate] }),
      now,
    },
  );
  const rootPem = pemOf('CERTIFICATE', root.certificate);
  await writeFileAtomic(join(folder, 'root-key.pem'), keyPem(rootKey));
  await writeFileAtomic(join(folder, 'root.pem'), rootPem, READABLE);
  await writeFileAtomic(join(folder, 'ca-key.pem'), keyPem(key));
  const chainPem = pemOf('CERTIFICATE', certificate) + rootPem;
  await writeFileAtomic(join(folder, 'ca-chain.pem'), chainPem, READABLE);
  return softwareSigner({ privateKey: key, certificateChain: [certificate, root.certificate] });
}

async function makeServerCertificate(
  folder: string,
  issuer: Issuer,
  subject: {
    readonly dnsNames: readonly string[];
    readonly ipAddresses: readonly string[];
    readonly now: Date;
  },
): Promise<void> {
  const { now, ...names } = subject;
  const key = await createSoftwareKey({ algorithm: 'EC256' });
  const { certificate } = await issueCertificate(
    {
      subject: { commonName: 'CMC provisioning server' },
      publicKey: softwareSigner({ privateKey: key }).publicKey,
      ...names,
      purposes: [KeyPurpose.serverAuth],
      lifetimeMs: SERVER_LIFETIME_MS,
    },
    { issuer, now },
  );
  const chain = [certificate, ...issuer.certificateChain.slice(0, 1)];
  await writeFileAtomic(join(folder, 'tls-key.pem'), keyPem(key));
  const chainPem = chain.map((der) => pemOf('CERTIFICATE', der)).join('');
  await writeFileAtomic(join(folder, 'tls-chain.pem'), chainPem, READABLE);
}

/** Listens on loopback, and gives certificates to attested devices only. */
function safeConfig(folder: string, allowedNames: readonly string[]): ProvserverConfig {
  return {
    estAddr: '127.0.0.1:9000',
    estCaKey: join(folder, 'ca-key.pem'),
    estCaChain: [join(folder, 'ca-chain.pem')],
    tlsKey: join(folder, 'tls-key.pem'),
    tlsCaChain: [join(folder, 'tls-chain.pem')],
    rootCas: [join(folder, 'root.pem')],
    database: `sqlite://${encodeURI(join(folder, 'provserver.db'))}`,
    endpoints: DEFAULT_ENDPOINTS,
    allowedNames,
    spkiNonce: 'refuse',
  };
}

/** Renaming a folder replaces an empty one, and nothing else. */
async function put(made: string, folder: string): Promise<void> {
  try {
    await rename(made, folder);
  } catch (cause) {
    throw new ProvError('ERR_PROV_EXISTS', `${folder} is there already, and not empty`, { cause });
  }
  await syncFolder(dirname(folder));
}

function keyPem(key: Awaited<ReturnType<typeof createSoftwareKey>>): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
