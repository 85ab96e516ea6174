import { toHex } from '@cmc/bytes';
import { createFakeCa, type FakeCa, type FakeSigner, fixedClock } from '@cmc/testkit';
import { encodeStruct, metadataSchema } from '../../src/codec/index.ts';
import { digest } from '../../src/crypto/index.ts';
import { type GenerateOptions, generate } from '../../src/generate.ts';
import { signPayload } from '../../src/sign/index.ts';
import type { Metadata } from '../../src/types/metadata.ts';
import type { Component } from '../../src/types/report.ts';
import type { Serialization } from '../../src/types/serialization.ts';
import { type Verification, type VerifyOptions, verify } from '../../src/verify/index.ts';
import { type Certificate, parseCertificate } from '../../src/x509/index.ts';
import { containerReference, fakeSoftware } from './software.ts';

/** The time of all tests, unless they say otherwise. */
export const clock = fixedClock('2026-06-01T12:00:00Z');
export const nonce: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i);

const certificateTime = {
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};
const common = {
  version: '2026-05-01T00:00:00Z',
  validity: { notBefore: '2026-05-01T00:00:00Z', notAfter: '2026-12-31T00:00:00Z' },
};

/** A manifest `name` on top of `base`; its own base when it is the root. */
export function manifest(name: string, base: string, changes: Partial<Metadata> = {}): Metadata {
  return { type: 'Manifest', name, ...common, baseLayers: [base], certLevel: 1, ...changes };
}

/** A manifest with reference components. */
export function manifestOf(name: string, base: string, components: Component[]): Metadata {
  return manifest(name, base, {
    sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components },
  });
}

/** An image description that names manifests; rules by the name of the manifest. */
export function imageDescription(
  manifests: readonly string[],
  changes: Partial<Metadata> = {},
  rules: Readonly<Record<string, NonNullable<Metadata['details']>>> = {},
): Metadata {
  return {
    type: 'Image Description',
    name: 'de.test.image',
    ...common,
    descriptions: manifests.map((name) => ({
      type: 'Manifest Description',
      name: `${name}.description`,
      manifest: name,
      ...(rules[name] === undefined ? {} : { ociRules: rules[name] }),
    })),
    ...changes,
  };
}

/** The metadata of a host with one container on two layers. */
export function goodMetadata(): Metadata[] {
  return [
    imageDescription(['de.test.rtm', 'de.test.os', 'de.test.app']),
    manifest('de.test.rtm', 'de.test.rtm'),
    manifest('de.test.os', 'de.test.rtm'),
    manifestOf('de.test.app', 'de.test.os', [containerReference()]),
  ];
}

/** Everything that a prover and a verifier need. */
export interface Scene {
  readonly ca: FakeCa;
  readonly roots: readonly Certificate[];
  readonly signer: FakeSigner;
  readonly serialization: Serialization;
  sign(metadata: Metadata, signers?: readonly FakeSigner[]): Promise<Uint8Array>;
  /** A report over signed metadata. Default: {@link goodMetadata}, one honest software driver. */
  report(changes?: ReportChanges): Promise<Uint8Array>;
  verify(report: Uint8Array, changes?: Partial<VerifyOptions>): Promise<Verification>;
}

export interface ReportChanges extends Partial<Omit<GenerateOptions, 'metadata'>> {
  readonly metadata?: readonly (Metadata | Uint8Array)[];
}

export async function createScene(serialization: Serialization = 'json'): Promise<Scene> {
  const ca = createFakeCa({ commonName: 'Metadata Root', ...certificateTime });
  const { signer } = await ca.issue({ commonName: 'Developer', ...certificateTime });
  const roots = [parseCertificate(ca.certificate)];
  const sign = (metadata: Metadata, signers: readonly FakeSigner[] = [signer]) =>
    signPayload(encodeStruct(metadataSchema, metadata, serialization), signers, serialization);
  // Signed once, so that every report has the same items, as with a real daemon.
  const good = await Promise.all(goodMetadata().map((item) => sign(item)));
  return {
    ca,
    roots,
    signer,
    serialization,
    sign,
    async report({ metadata = good, ...changes } = {}) {
      const signed = metadata.map((item) => (item instanceof Uint8Array ? item : sign(item)));
      return generate({
        measurers: [fakeSoftware()],
        nonce,
        serialization,
        name: 'host.test',
        ...changes,
        metadata: await Promise.all(signed),
      });
    },
    verify: (report, changes = {}) =>
      verify(report, { nonce, metadataRoots: roots, now: clock.now(), ...changes }),
  };
}

/** Hex SHA-256 of a signed item: its key in reports. */
export function digestOf(item: Uint8Array): string {
  return toHex(digest('SHA-256', item));
}
