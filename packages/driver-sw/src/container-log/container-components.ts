import { realpathSync } from 'node:fs';
import type { Component, CtrData, JsonObject } from '@cmc/attestationreport';
import { normalizeOciSpec, specDigest } from '@cmc/attestationreport/oci';
import { type HashRootfsOptions, hashRootfs } from '../rootfs/hash-rootfs.ts';
import { templateHash } from './event.ts';

export interface ContainerEventOptions extends HashRootfsOptions {
  readonly name: string;
  /** Text of the OCI runtime configuration (`config.json`). */
  readonly config: string;
  /** Id that the runtime gave the container; it is taken out of the configuration. */
  readonly containerId: string;
  /** The root file system: its folder, which is hashed, or its hash. */
  readonly rootfs: string | Uint8Array;
  /** Index of the container log; default 0. */
  readonly index?: number;
}

export interface ReferenceComponentOptions extends ContainerEventOptions {
  /** Whether a report may lack the container; default `false`. */
  readonly optional?: boolean;
}

/** The event that records the start of a container. */
export async function createContainerEvent(options: ContainerEventOptions): Promise<Component> {
  const { name, index = 0 } = options;
  const ctrData = await measureContainer(options);
  return {
    type: 'application',
    name,
    hashes: [{ alg: 'SHA-256', content: templateHash(ctrData.configSha256, ctrData.rootfsSha256) }],
    properties: [{ name: 'cmc.index', value: String(index) }],
    ctrData,
  };
}

/** The reference value, for the manifest, of a container that {@link createContainerEvent} measures. */
export async function createReferenceComponent(
  options: ReferenceComponentOptions,
): Promise<Component> {
  const { name, index = 0, optional = false } = options;
  const ctrData = await measureContainer(options);
  return {
    type: 'application',
    name,
    hashes: [{ alg: 'SHA-256', content: ctrData.rootfsSha256 }],
    ...(optional ? { optional } : {}),
    properties: [
      { name: 'cmc.ta', value: 'SW' },
      { name: 'cmc.index', value: String(index) },
    ],
    ctrData,
  };
}

async function measureContainer(
  options: ContainerEventOptions,
): Promise<CtrData & { readonly ociSpec: JsonObject }> {
  const { config, containerId, rootfs } = options;
  const ociSpec = normalizeOciSpec(config, { containerId, resolvePath: realpathSync });
  return {
    configSha256: specDigest(ociSpec),
    rootfsSha256: typeof rootfs === 'string' ? await hashRootfs(rootfs, options) : rootfs,
    ociSpec,
  };
}
