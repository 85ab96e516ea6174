import { type Component, generate } from '@cmc/attestationreport';
import { createFakeKeySync, type IssueOptions } from '@cmc/testkit';
import {
  type MeasuredFile,
  type MeasuredTpm,
  measuredTpm,
} from '../../../attestationreport/test/support/measured-tpm.ts';
import type { FakeTpmOptions } from '../../../attestationreport/test/support/tpm.ts';
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
  const tpmAt = (clock: PeerClock): MeasuredTpm =>
    measuredTpm(
      {
        key,
        certs: [certificate],
        clockInfo: { clock: 1n, resetCount: 0, restartCount: 0, safe: true, ...clock },
      },
      measured,
    );
  const metadata = await metadataOf(world, tpmAt({}).references);
  return {
    report: async (clock = {}) =>
      await generate({ measurers: [tpmAt(clock).measurer], nonce: NONCE, metadata }),
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
