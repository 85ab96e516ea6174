import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Component, Metadata } from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { createCmc, type LocalCmc } from '@cmc/cmcd';
import {
  createContainerEvent,
  createReferenceComponent,
  createSwDriver,
  openContainerLog,
} from '@cmc/driver-sw';
import { createFakeCa, type IssuedCertificate } from '@cmc/testkit';

/** One computer with the software driver: three manifests, one measured container. */
export interface World {
  readonly caPem: string;
  readonly roots: readonly Certificate[];
  readonly metadata: readonly Uint8Array[];
  readonly event: Component;
  readonly server: IssuedCertificate;
  readonly client: IssuedCertificate;
  createCmc(): Promise<LocalCmc>;
}

const DAY_MS = 86_400_000;

/** A world whose files are below `folder`. */
export async function createWorld(folder: string): Promise<World> {
  const ca = createFakeCa({ commonName: 'Benchmark CA' });
  const { signer } = await ca.issue({ commonName: 'Developer', extendedKeyUsage: ['codeSigning'] });
  const tls = { dnsNames: ['localhost'], extendedKeyUsage: ['serverAuth', 'clientAuth'] } as const;
  const roots = [parseCertificate(ca.certificate)];
  const container = {
    name: 'service',
    config: JSON.stringify({
      ociVersion: '1.2.0',
      process: { user: {}, args: ['/service'], cwd: '/' },
    }),
    containerId: 'container',
    rootfs: new Uint8Array(32).fill(7),
  };
  const items = metadataOf(await createReferenceComponent(container));
  const metadata = await Promise.all(
    items.map((item) => signPayload(encodeStruct(metadataSchema, item, 'cbor'), [signer], 'cbor')),
  );
  const event = await createContainerEvent(container);
  let logs = 0;
  return {
    caPem: ca.pem,
    roots,
    metadata,
    event,
    server: await ca.issue({ commonName: 'server', ...tls }),
    client: await ca.issue({ commonName: 'client', ...tls }),
    async createCmc() {
      const containerLog = openContainerLog({ path: join(folder, `log-${logs++}.json`) });
      await containerLog.append(event);
      const driver = await createSwDriver({ containerLog });
      return await createCmc({
        metadataRoots: roots,
        metadata,
        measurers: [driver],
        name: 'bench',
      });
    },
  };
}

/** Writes what the daemon needs, and gives its config file. */
export function writeConfig(world: World, folder: string, socket: string): string {
  mkdirSync(join(folder, 'metadata'));
  writeFileSync(join(folder, 'ca.pem'), world.caPem);
  world.metadata.forEach((item, i) => {
    writeFileSync(join(folder, 'metadata', `${i}.cbor`), item);
  });
  const config = {
    api: 'socket',
    cmcAddr: socket,
    rootCas: [join(folder, 'ca.pem')],
    metadata: [`file://${join(folder, 'metadata')}`],
    drivers: ['sw'],
    storage: join(folder, 'storage'),
    logLevel: 'error',
  };
  const path = join(folder, 'cmcd.json');
  writeFileSync(path, JSON.stringify(config));
  return path;
}

function metadataOf(reference: Component): readonly Metadata[] {
  const now = Date.now();
  const common = {
    version: new Date(now).toISOString(),
    validity: {
      notBefore: new Date(now - DAY_MS).toISOString(),
      notAfter: new Date(now + DAY_MS).toISOString(),
    },
  };
  const layers: Readonly<Record<string, readonly Component[]>> = {
    rtm: [],
    os: [],
    app: [reference],
  };
  const manifests = Object.entries(layers).map(([name, components]) => ({
    type: 'Manifest',
    name,
    ...common,
    baseLayers: ['rtm'],
    certLevel: 1,
    ...(components.length === 0
      ? {}
      : { sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components } }),
  }));
  const descriptions = Object.keys(layers).map((name) => ({
    type: 'Manifest Description',
    name: `${name}.description`,
    manifest: name,
  }));
  return [{ type: 'Image Description', name: 'image', ...common, descriptions }, ...manifests];
}
