import { type Artifact, type Component, generate } from '@cmc/attestationreport';
import { createFakeKeySync, type IssueOptions } from '@cmc/testkit';
import {
  BOOT,
  type FakeEvent,
  type FakeTpmOptions,
  fakeTpm,
  tpmReferences,
} from '../../../attestationreport/test/support/tpm.ts';
import { NONCE } from './verifying-daemon.ts';
import { inDays, type World } from './world.ts';

/** tcg-kp-AIKCertificate. */
const ATTESTATION_KEY = '2.23.133.8.3';

/** Where the clock of a TPM is, and how often it was reset. */
export type PeerClock = Partial<NonNullable<FakeTpmOptions['clockInfo']>>;

/** Another computer, with a TPM in memory. */
export interface TpmPeer {
  report(clock?: PeerClock): Promise<Uint8Array>;
}

export interface TpmPeerOptions {
  /** Usages in the certificate of its attestation key. Default: that of attestation keys. */
  readonly usages?: IssueOptions['extendedKeyUsage'];
  /** What else is measured into PCR 10, with reference values or without. */
  readonly measured?: readonly MeasuredFile[];
}

/** An event of PCR 10. */
export interface MeasuredFile {
  readonly name: string;
  /** What is extended. */
  readonly digest: Uint8Array;
  /** Whether the metadata has a reference value for it. */
  readonly isKnown: boolean;
  /** The entry of IMA's list, as a driver sends it. */
  readonly entry?: string;
}

/** A peer with metadata of `world` and a certificate of its CA. */
export async function createTpmPeer(world: World, options: TpmPeerOptions = {}): Promise<TpmPeer> {
  const { usages = [ATTESTATION_KEY], measured = [] } = options;
  const key = createFakeKeySync('EC256');
  const { certificate } = await world.ca.issue({
    commonName: 'peer TPM AK',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: usages,
    key,
  });
  const eventOf = ({ name, digest }: MeasuredFile): FakeEvent => ({
    name,
    data: '',
    extended: digest,
  });
  const boot: Readonly<Record<number, readonly FakeEvent[]>> = {
    ...Object.fromEntries(Array.from({ length: 8 }, (_, pcr) => [pcr, []])),
    ...BOOT,
  };
  const known = { 10: measured.filter(({ isKnown }) => isKnown).map(eventOf) };
  const metadata = await metadataOf(world, [...tpmReferences(boot), ...tpmReferences(known)]);
  const withEntry = (event: Component): Component => {
    const entry = measured.find(({ name }) => name === event.name)?.entry;
    if (entry === undefined) return event;
    const { properties = [] } = event;
    return { ...event, properties: [...(properties ?? []), { name: 'cmc.ima', value: entry }] };
  };
  return {
    report: async (clock = {}) =>
      await generate({
        measurers: [
          fakeTpm({
            key,
            certs: [certificate],
            events: { ...boot, 10: [...(boot[10] ?? []), ...measured.map(eventOf)] },
            clockInfo: { clock: 1n, resetCount: 0, restartCount: 0, safe: true, ...clock },
            artifacts: (artifacts) =>
              artifacts.map(
                (log): Artifact => ({ ...log, events: (log.events ?? []).map(withEntry) }),
              ),
          }),
        ],
        nonce: NONCE,
        metadata,
      }),
  };
}

/** Signed metadata of a computer without containers, with these reference values. */
export async function metadataOf(
  world: World,
  components: readonly Component[],
): Promise<readonly Uint8Array[]> {
  const info = {
    version: inDays(0),
    validity: { notBefore: inDays(-1), notAfter: inDays(365) },
  };
  const description = { type: 'Manifest Description', name: 'peer.boot.1', manifest: 'peer.boot' };
  return [
    await world.sign({
      type: 'Image Description',
      name: 'peer.image',
      ...info,
      descriptions: [description],
    }),
    await world.sign({
      type: 'Manifest',
      name: 'peer.boot',
      ...info,
      baseLayers: ['peer.boot'],
      certLevel: 3,
      sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components },
    }),
  ];
}
