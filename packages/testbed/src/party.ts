import { createHash } from 'node:crypto';
import type { Component, Metadata, Serialization } from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import {
  type ContainerEventOptions,
  type ContainerLog,
  createContainerEvent,
  createReferenceComponent,
  createSwDriver,
  type SwDriver,
} from '@cmc/driver-sw';
import type { FakeSigner } from '@cmc/testkit';
import { memoryContainerLog } from './memory-container-log.ts';
import { TAMPER_MARK, tamper } from './tamper.ts';

/**
 * What is wrong with a party. `tampered`: one byte of a signed manifest was changed; it still
 * parses. `wrongCa`: somebody signed whom nobody trusts. `expired`: the validity of a manifest is
 * over. `missingManifest`: the root manifest is not there. `extraComponent`: a manifest demands
 * software that does not run.
 */
export type PartyVariant =
  | 'good'
  | 'tampered'
  | 'wrongCa'
  | 'expired'
  | 'missingManifest'
  | 'extraComponent';

export interface PartyOptions {
  /** Default `good`. */
  readonly variant?: PartyVariant;
  /** Form of the metadata: JWS or COSE. Default: that of the testbed. */
  readonly serialization?: Serialization;
  /** Makes the manifest of the application, and so each report with it, larger. Default 0. */
  readonly paddingBytes?: number;
  /** Manifests on top of each other, at least 2: platform, …, application. Default 2. */
  readonly manifests?: number;
  /** Version of all metadata. Default: when the testbed was made. */
  readonly version?: Date;
}

/** A computer that runs one container. */
export interface Party {
  readonly name: string;
  readonly variant: PartyVariant;
  readonly serialization: Serialization;
  /** Signed items: image description, manifests from platform to application. */
  readonly metadata: readonly Uint8Array[];
  /** The start of the container. */
  readonly event: Component;
  /** In memory, with the start recorded. */
  readonly containerLog: ContainerLog;
  /** Measures {@link Party.containerLog}; its key is in memory. */
  readonly driver: SwDriver;
}

/** Whose signatures metadata can have. */
export interface MetadataSigners {
  readonly trusted: FakeSigner;
  readonly untrusted: FakeSigner;
}

const DAY_MS = 86_400_000;
const CONTAINER_ID = 'ab'.repeat(32);

/** Makes a party whose default metadata version is `now`. */
export async function createParty(
  name: string,
  signers: MetadataSigners,
  now: Date,
  options: PartyOptions & { readonly serialization: Serialization },
): Promise<Party> {
  const { variant = 'good', serialization } = options;
  const signer = variant === 'wrongCa' ? signers.untrusted : signers.trusted;
  const payloads = await describe(name, now, options);
  const signed = await Promise.all(
    payloads.map((payload) =>
      signPayload(encodeStruct(metadataSchema, payload, serialization), [signer], serialization),
    ),
  );
  const metadata =
    variant === 'tampered' ? [...signed.slice(0, -1), ...signed.slice(-1).map(tamper)] : signed;
  const event = await createContainerEvent(container(name));
  const containerLog = memoryContainerLog([event]);
  const driver = await createSwDriver({ containerLog });
  return { name, variant, serialization, metadata, event, containerLog, driver };
}

/** Payloads of the image description and of the manifests, that of the application last. */
async function describe(name: string, now: Date, options: PartyOptions): Promise<Metadata[]> {
  const { variant = 'good', paddingBytes = 0, manifests = 2, version = now } = options;
  const common = { version: timestamp(version), validity: validity(now, -1, 30) };
  const layers = Array.from(
    { length: manifests },
    (_, index) => `${name}.${layer(index, manifests)}`,
  );
  const image: Metadata = {
    type: 'Image Description',
    name: `${name}.image`,
    ...common,
    descriptions: layers.map((manifest) => ({
      type: 'Manifest Description',
      name: `${manifest}.description`,
      manifest,
    })),
  };
  const below = layers.slice(0, -1).map(
    (manifest, index): Metadata => ({
      type: 'Manifest',
      name: manifest,
      ...common,
      baseLayers: [layers[index - 1] ?? manifest],
      certLevel: 1,
    }),
  );
  const components = [await createReferenceComponent(container(name))];
  if (variant === 'extraComponent') {
    components.push(await createReferenceComponent(container(`${name}-guard`)));
  }
  const application: Metadata = {
    type: 'Manifest',
    name: layers.at(-1) ?? name,
    ...common,
    ...(variant === 'expired' ? { validity: validity(now, -2, -1) } : {}),
    ...(paddingBytes === 0 ? {} : { description: '.'.repeat(paddingBytes) }),
    developerCommonName: TAMPER_MARK,
    baseLayers: layers.slice(-2, -1),
    certLevel: 1,
    sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components },
  };
  const present = variant === 'missingManifest' ? below.slice(1) : below;
  return [image, ...present, application];
}

function layer(index: number, count: number): string {
  if (index === 0) return 'platform';
  return index === count - 1 ? 'application' : `layer-${index}`;
}

/** A container as a runtime starts it: configuration and files differ by name. */
function container(name: string): ContainerEventOptions {
  const config = {
    ociVersion: '1.2.0',
    process: { user: { uid: 1000, gid: 1000 }, args: ['/bin/app', name], cwd: '/' },
    root: { path: '/rootfs', readonly: true },
  };
  const rootfs = new Uint8Array(createHash('sha256').update(name).digest());
  return { name, config: JSON.stringify(config), containerId: CONTAINER_ID, rootfs };
}

function validity(now: Date, fromDays: number, toDays: number): NonNullable<Metadata['validity']> {
  const at = (days: number): string => timestamp(new Date(+now + days * DAY_MS));
  return { notBefore: at(fromDays), notAfter: at(toDays) };
}

/** RFC 3339 with whole seconds. */
function timestamp(time: Date): string {
  return time.toISOString().replace(/\.\d+/, '');
}
