import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Component, Serialization } from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import {
  type ContainerEventOptions,
  createContainerEvent,
  createReferenceComponent,
} from '@cmc/driver-sw';
import { createFakeCa, type FakeCa } from '@cmc/testkit';
import type { CmcdConfig } from '../../src/config/schema.ts';
import { temporaryFolder } from './temporary-folder.ts';

const DAY_MS = 86_400_000;

/** A container as a runtime starts it, told apart by its name. */
export function container(name: string): ContainerEventOptions {
  const config = {
    ociVersion: '1.2.0',
    process: { args: ['/bin/app', name], env: ['PATH=/bin'], cwd: '/' },
    root: { path: '/rootfs' },
  };
  return {
    name,
    config: JSON.stringify(config),
    containerId: 'ab'.repeat(32),
    rootfs: new Uint8Array(32).fill(7),
  };
}

/** RFC 3339 time, `days` from now. */
export function inDays(days: number): string {
  return new Date(Date.now() + days * DAY_MS).toISOString().replace(/\.\d+/, '');
}

export interface MetadataChange {
  readonly name?: string;
  readonly version?: string;
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly omspServer?: string;
  readonly serialization?: Serialization;
}

/** A CA, metadata that it signed for a computer that runs one container, and files with both. */
export interface World {
  readonly ca: FakeCa;
  readonly folder: string;
  /** File with the certificate of the CA. */
  readonly caFile: string;
  /** File with the key of the CA. */
  readonly caKeyFile: string;
  readonly metadataFolder: string;
  readonly roots: readonly Certificate[];
  /** Start of the container that the metadata has a reference for. */
  readonly event: Component;
  /** Start of a container that nobody knows. */
  readonly unknownEvent: Component;
  sign(payload: object, serialization?: Serialization): Promise<Uint8Array>;
  manifest(change?: MetadataChange): Promise<Uint8Array>;
  imageDescription(change?: MetadataChange): Promise<Uint8Array>;
  /** Settings of a daemon with the software driver on a socket in the folder. */
  config(change?: Partial<CmcdConfig>): CmcdConfig;
}

export async function createWorld(change: MetadataChange = {}): Promise<World> {
  const folder = temporaryFolder();
  const ca = createFakeCa();
  const { signer } = await ca.issue({
    commonName: 'Metadata Signer',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['codeSigning'],
  });
  const metadataFolder = join(folder, 'metadata');
  const caFile = join(folder, 'ca.pem');
  const caKeyFile = join(folder, 'ca-key.pem');
  mkdirSync(metadataFolder);
  writeFileSync(caFile, ca.pem);
  writeFileSync(caKeyFile, ca.key.privateKey.export({ format: 'pem', type: 'pkcs8' }));

  const sign: World['sign'] = async (payload, serialization = 'json') =>
    await signPayload(
      encodeStruct(metadataSchema, payload as never, serialization),
      [signer],
      serialization,
    );
  const info = ({ version, notBefore, notAfter }: MetadataChange): object => ({
    version: version ?? inDays(0),
    validity: { notBefore: notBefore ?? inDays(-1), notAfter: notAfter ?? inDays(365) },
  });
  const manifest: World['manifest'] = async (own = {}) => {
    const { name = 'test.rtm', omspServer } = own;
    const payload = {
      type: 'Manifest',
      name,
      ...info(own),
      developerCommonName: 'Developer',
      baseLayers: [name],
      certLevel: 1,
      sbom: {
        bomFormat: 'CycloneDX',
        specVersion: '1.7',
        version: 1,
        components: [await createReferenceComponent(container('app'))],
      },
      ...(omspServer === undefined ? {} : { omspServer }),
    };
    return await sign(payload, own.serialization);
  };
  const imageDescription: World['imageDescription'] = async (own = {}) => {
    const { name = 'test.rtm' } = own;
    const description = { type: 'Manifest Description', name: 'test.description', manifest: name };
    const payload = {
      type: 'Image Description',
      name: 'test.image',
      ...info(own),
      location: 'here',
      descriptions: [description],
    };
    return await sign(payload, own.serialization);
  };

  writeFileSync(join(metadataFolder, 'manifest'), await manifest(change));
  writeFileSync(join(metadataFolder, 'image'), await imageDescription(change));
  const config: World['config'] = (settings) => ({
    api: 'socket',
    cmcAddr: `unix://${join(folder, 'cmcd.sock')}`,
    rootCas: [caFile],
    metadata: [`file://${metadataFolder}`],
    drivers: ['sw'],
    storage: join(folder, 'storage'),
    peerCache: join(folder, 'peers'),
    name: 'prover.test',
    enrollmentMode: 'local',
    enrollmentCaKey: caKeyFile,
    enrollmentCaChain: [caFile],
    ...settings,
  });
  return {
    ca,
    folder,
    caFile,
    caKeyFile,
    metadataFolder,
    event: await createContainerEvent(container('app')),
    unknownEvent: await createContainerEvent(container('intruder')),
    roots: [parseCertificate(ca.certificate)],
    sign,
    manifest,
    imageDescription,
    config,
  };
}
