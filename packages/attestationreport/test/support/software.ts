import { concatBytes, encodeUtf8 } from '@cmc/bytes';
import { createFakeKeySync, type FakeKey, fakeSigner, spkiOf, toPem } from '@cmc/testkit';
import { encodeStruct, parseJson, swEvidenceSchema } from '../../src/codec/index.ts';
import type { Measurer } from '../../src/contract.ts';
import { digest } from '../../src/crypto/index.ts';
import { specDigest } from '../../src/oci/index.ts';
import { signPayload } from '../../src/sign/index.ts';
import type {
  Artifact,
  Collateral,
  Component,
  Evidence,
  JsonObject,
} from '../../src/types/report.ts';

const sha256 = (data: Uint8Array): Uint8Array => digest('SHA-256', data);

/** Root file systems by name: nothing but different hashes. */
export function rootfs(name: string): Uint8Array {
  return sha256(encodeUtf8(`root file system of ${name}`));
}

/** A configuration as a container runtime has it. */
export function containerSpec(env: readonly string[] = ['PATH=/bin']): JsonObject {
  const spec = {
    ociVersion: '1.2.0',
    process: { user: { uid: 0, gid: 0 }, args: ['/bin/app'], env, cwd: '/' },
    linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }] },
  };
  return parseJson(encodeUtf8(JSON.stringify(spec))) as JsonObject;
}

/** What a measured container and its reference are made of. */
export interface ContainerOptions {
  readonly name?: string;
  readonly spec?: JsonObject;
  readonly optional?: boolean;
}

/** An event of the container log. */
export function containerEvent(options: ContainerOptions = {}): Component {
  const { name = 'app', spec = containerSpec() } = options;
  const configSha256 = specDigest(spec);
  const rootfsSha256 = rootfs(name);
  return {
    type: 'application',
    name,
    hashes: [{ alg: 'SHA-256', content: sha256(concatBytes(configSha256, rootfsSha256)) }],
    properties: [{ name: 'cmc.index', value: '0' }],
    ctrData: { configSha256, rootfsSha256, ociSpec: spec },
  };
}

/** The reference component for a container in a manifest. */
export function containerReference(options: ContainerOptions = {}): Component {
  const { name = 'app', spec = containerSpec(), optional = false } = options;
  return {
    type: 'application',
    name,
    hashes: [{ alg: 'SHA-256', content: rootfs(name) }],
    ...(optional ? { optional } : {}),
    properties: [
      { name: 'cmc.ta', value: 'SW' },
      { name: 'cmc.index', value: '0' },
    ],
    ctrData: { configSha256: specDigest(spec), rootfsSha256: rootfs(name), ociSpec: spec },
  };
}

/** A software driver and the ways in which it can lie. */
export interface FakeSoftwareOptions {
  readonly key?: FakeKey;
  readonly events?: readonly Component[];
  readonly artifacts?: readonly Artifact[];
  /** Events that the aggregate covers. Default: those of the log. */
  readonly aggregated?: readonly Component[];
  /** Nonce in the evidence. Default: the one asked for. */
  readonly evidenceNonce?: Uint8Array;
  readonly changeEvidence?: (evidence: Evidence) => Evidence;
  readonly changeCollateral?: (collateral: Collateral) => Collateral;
}

/** A {@link Measurer} over a container log in memory. */
export function fakeSoftware(options: FakeSoftwareOptions = {}): Measurer {
  const { key = createFakeKeySync(), events = [containerEvent()] } = options;
  const artifacts = options.artifacts ?? [{ type: 'SW Eventlog', index: 0, events }];
  const collateral: Collateral = {
    type: 'SW Evidence',
    key: encodeUtf8(toPem(spkiOf(key), 'PUBLIC KEY')),
    artifacts,
  };
  const aggregate = (options.aggregated ?? events).reduce<Uint8Array>(
    (link, event) => sha256(concatBytes(link, event.hashes?.[0]?.content ?? new Uint8Array())),
    new Uint8Array(32),
  );
  return {
    name: 'sw',
    prepare: async () => ({
      collateral: [options.changeCollateral?.(collateral) ?? collateral],
      measure: async (nonce) => {
        const content = { nonce: options.evidenceNonce ?? nonce, sha256: aggregate };
        const payload = encodeStruct(swEvidenceSchema, content, 'json');
        const signed = await signPayload(payload, [fakeSigner(key)], 'json');
        const evidence: Evidence = { type: 'SW Evidence', evidence: signed };
        return [options.changeEvidence?.(evidence) ?? evidence];
      },
    }),
  };
}
