import { readFile, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import {
  type AttestationResult,
  type Component,
  generate,
  type Measurer,
  type Metadata,
  type Signer,
} from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { type Certificate, parsePemCertificates } from '@cmc/attestationreport/x509';
import { type Logger, silentLogger } from '@cmc/bytes';
import {
  createContainerEvent,
  createReferenceComponent,
  createSoftwareKey,
  createSwDriver,
  openContainerLog,
  softwareSigner,
} from '@cmc/driver-sw';
import {
  createCsr,
  createEstClient,
  type EstClient,
  type EstClientOptions,
  encodeBase64Lines,
  enrollmentNonce,
} from '@cmc/est';
import { createFakeCa, type FakeCa, type FakeSigner } from '@cmc/testkit';
import { onTestFinished } from 'vitest';
import { createToken } from '../../src/auth/token.ts';
import { init } from '../../src/cli/init.ts';
import type { ProvserverConfig } from '../../src/config/schema.ts';
import type { HttpLimits } from '../../src/http/limits.ts';
import { type ProvServer, startServer } from '../../src/server/start-server.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { temporaryFolder } from './temporary-folder.ts';

const DAY_MS = 86_400_000;
/** The software of the device. */
const CONTAINER = {
  name: 'app',
  containerId: 'ab'.repeat(32),
  config: JSON.stringify({ ociVersion: '1.2.0', process: { args: ['/bin/app'], cwd: '/' } }),
  rootfs: new Uint8Array(32).fill(1),
};

/** A server as `init` makes it, that listens, and what its clients and its operator use. */
export interface TestServer {
  readonly server: ProvServer;
  readonly config: ProvserverConfig;
  readonly url: string;
  readonly rootPem: string;
  readonly roots: readonly Certificate[];
  /** The same database. */
  readonly store: Store;
  /** One of `rootCas`. */
  readonly metadataCa: FakeCa;
  readonly metadataSigner: FakeSigner;
  client(options?: Partial<EstClientOptions>): EstClient;
  /** Text of a token; `*` allows any name. */
  token(allowedNames?: readonly string[], validMs?: number): Promise<string>;
  /** A report of an honest device for `spki`. */
  report(spki: Uint8Array, options?: ReportOptions): Promise<Uint8Array>;
  send(options: SendOptions): Promise<Answer>;
}

export interface ReportOptions {
  readonly serverNonce?: Uint8Array;
  readonly name?: string;
  /** RFC 3339 version of the metadata. */
  readonly version?: string;
  readonly signer?: FakeSigner;
  /** Besides the software driver. */
  readonly measurers?: readonly Measurer[];
  /** What manifests know besides the container. */
  readonly components?: readonly Component[];
}

export interface SendOptions {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface TestServerOptions {
  readonly config?: Partial<ProvserverConfig>;
  readonly limits?: Partial<HttpLimits>;
  readonly logger?: Logger;
  readonly now?: () => Date;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = join(temporaryFolder(), 'prov');
  const names = ['localhost', '127.0.0.1'];
  const path = await init({ dir: folder, names, allowedNames: [], now: new Date() });
  const metadataCa = createFakeCa({ commonName: 'Metadata Root' });
  const metadataRoot = join(folder, 'metadata-root.pem');
  await writeFile(metadataRoot, metadataCa.pem);
  const written = JSON.parse(await readFile(path, 'utf8')) as ProvserverConfig;
  const config: ProvserverConfig = {
    ...written,
    estAddr: '127.0.0.1:0',
    rootCas: [...written.rootCas, metadataRoot],
    ...options.config,
    endpoints: { ...written.endpoints, ...options.config?.endpoints },
  };
  const { limits, now, logger = silentLogger } = options;
  const server = await startServer(config, {
    logger,
    ...(limits === undefined ? {} : { limits }),
    ...(now === undefined ? {} : { now }),
  });
  const store = await openStore(config.database);
  onTestFinished(async () => {
    await server.close({ graceMs: 0 });
    await store[Symbol.asyncDispose]();
  });
  const rootPem = await readFile(join(folder, 'root.pem'), 'utf8');
  const url = `https://${server.address}`;
  const roots = parsePemCertificates(rootPem);
  const developer = { commonName: 'Developer', extendedKeyUsage: ['codeSigning'] } as const;
  const { signer: metadataSigner } = await metadataCa.issue({
    ...developer,
    extendedKeyUsage: ['codeSigning'],
  });
  const containerLog = openContainerLog({ path: join(folder, 'container-log.json') });
  await containerLog.append(await createContainerEvent(CONTAINER));
  const driver = await createSwDriver({ containerLog });
  return {
    server,
    config,
    url,
    rootPem,
    roots,
    store,
    metadataCa,
    metadataSigner,
    client: (more = {}) => createEstClient({ url, roots, ...more }),
    token: async (allowedNames = ['*'], validMs = DAY_MS) => {
      const { id, secretHash, text } = createToken();
      const at = now?.() ?? new Date();
      const expiresAt = new Date(at.getTime() + validMs);
      await store.createToken({ id, secretHash, expiresAt, allowedNames }, at);
      return text;
    },
    report: async (
      spki,
      {
        serverNonce,
        name = 'device.example',
        version,
        signer,
        measurers = [],
        components = [],
      } = {},
    ) =>
      await generate({
        measurers: [driver, ...measurers],
        nonce: enrollmentNonce(spki, serverNonce),
        metadata: await signedMetadata(signer ?? metadataSigner, version, components),
        name,
      }),
    send: async (request) => await send(url, rootPem, request),
  };
}

/** A key of a device. */
export async function createKey(
  algorithm: Parameters<typeof createSoftwareKey>[0]['algorithm'] = 'EC256',
): Promise<{ readonly signer: Signer; readonly pem: string }> {
  const key = await createSoftwareKey({ algorithm });
  return {
    signer: softwareSigner({ privateKey: key }),
    pem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** A request for `name`, as common name and as alternative name. */
export async function csrFor(signer: Signer, name = 'device.example'): Promise<Uint8Array> {
  return await createCsr({ signer, subject: { commonName: name }, dnsNames: [name] });
}

/** Body and headers of `/simpleenroll`. */
export function simpleRequest(
  csr: Uint8Array,
  token?: string,
): Pick<SendOptions, 'method' | 'headers' | 'body'> {
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/pkcs10',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: encodeBase64Lines(csr),
  };
}

/** Actions of the audit trail, in order. */
export async function auditActions(store: Store): Promise<readonly string[]> {
  return (await store.auditTrail({ limit: 1000 })).map(({ action }) => action);
}

/** Statuses of a result that was published. */
export type PublishedResult = Pick<AttestationResult, 'summary' | 'prover'>;

async function signedMetadata(
  signer: FakeSigner,
  version: string | undefined,
  more: readonly Component[],
): Promise<Uint8Array[]> {
  const now = Date.now();
  const common = {
    version: version ?? '2026-01-01T00:00:00Z',
    validity: {
      notBefore: new Date(now - DAY_MS).toISOString(),
      notAfter: new Date(now + DAY_MS).toISOString(),
    },
  };
  const description = {
    type: 'Manifest Description',
    name: 'test.rtm.description',
    manifest: 'test.rtm',
  };
  const components = [await createReferenceComponent(CONTAINER), ...more];
  const items: Metadata[] = [
    { type: 'Image Description', name: 'test.image', ...common, descriptions: [description] },
    {
      type: 'Manifest',
      name: 'test.rtm',
      ...common,
      baseLayers: ['test.rtm'],
      certLevel: 1,
      sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components },
    },
  ];
  return await Promise.all(
    items.map((item) => signPayload(encodeStruct(metadataSchema, item, 'json'), [signer], 'json')),
  );
}

async function send(
  url: string,
  ca: string,
  { method = 'GET', path, headers = {}, body, tls }: SendOptions,
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const options = { method, headers, ca, agent: false, ...tls } as const;
    const request = httpsRequest(new URL(path, url), options, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
    request.on('error', reject);
    request.end(body);
  });
}
