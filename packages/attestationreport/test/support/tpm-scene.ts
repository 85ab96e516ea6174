import {
  createFakeKeySync,
  type FakeKey,
  type FakeKeyAlgorithm,
  type IssueOptions,
} from '@cmc/testkit';
import { expect } from 'vitest';
import type { Component } from '../../src/types/report.ts';
import type { DigestResult, MeasurementResult } from '../../src/types/result.ts';
import type { Verification, VerifyOptions } from '../../src/verify/index.ts';
import { createScene, nonce, type Scene } from './scene.ts';
import { type FakeTpmOptions, fakeTpm, tpmMetadata, tpmReferences } from './tpm.ts';

/** What a provisioning server issues for attestation keys. */
export const ATTESTATION_KEY: IssueOptions = {
  commonName: 'host TPM AK',
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['2.23.133.8.3'],
  notBefore: new Date('2022-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};

export interface TpmCase extends Partial<FakeTpmOptions> {
  /** Default: EC256. */
  readonly keyKind?: FakeKeyAlgorithm;
  /** Of the attestation key, instead of {@link ATTESTATION_KEY}. */
  readonly certificate?: IssueOptions;
  readonly references?: readonly Component[];
  readonly verify?: Partial<VerifyOptions>;
  /** Nonce of the report. */
  readonly reportNonce?: Uint8Array;
}

/** Reports of a computer with a TPM, and their verdicts. */
export interface TpmScene {
  readonly scene: Scene;
  /** The attestation key of cases that say nothing else, and its certificate. */
  readonly key: FakeKey;
  readonly certificate: Uint8Array;
  readonly reportOf: (options: TpmCase) => Promise<Uint8Array>;
  readonly run: (options?: TpmCase) => Promise<Verification>;
  readonly accepted: (options: TpmCase) => Promise<MeasurementResult>;
  readonly refused: (options: TpmCase) => Promise<MeasurementResult>;
}

export async function createTpmScene(): Promise<TpmScene> {
  const scene = await createScene();
  const key = createFakeKeySync('EC256');
  const keys = new Map<FakeKeyAlgorithm, FakeKey>([['EC256', key]]);
  const keyOf = (kind: FakeKeyAlgorithm): FakeKey => {
    const made = keys.get(kind) ?? createFakeKeySync(kind);
    keys.set(kind, made);
    return made;
  };
  const reportOf = async (options: TpmCase): Promise<Uint8Array> => {
    const { keyKind = 'EC256', certificate = ATTESTATION_KEY, references, ...more } = options;
    const { verify: _, reportNonce = nonce, ...tpm } = more;
    const signer = options.key ?? keyOf(keyKind);
    const issued = await scene.ca.issue({ ...certificate, key: signer });
    return await scene.report({
      measurers: [fakeTpm({ key: signer, certs: [issued.certificate], ...tpm })],
      metadata: tpmMetadata(references ?? tpmReferences(tpm.events, tpm.bank)),
      nonce: reportNonce,
    });
  };
  const run = async (options: TpmCase = {}): Promise<Verification> =>
    await scene.verify(await reportOf(options), options.verify);
  const { certificate } = await scene.ca.issue({ ...ATTESTATION_KEY, key });
  return {
    scene,
    key,
    certificate,
    reportOf,
    run,
    accepted: async (options) => {
      const verification = await run(options);
      expect(verification.result.summary).toEqual({ status: 'success' });
      expect(verification.ok).toBe(true);
      return tpmResultOf(verification);
    },
    refused: async (options) => {
      const verification = await run(options);
      expect(verification.ok).toBe(false);
      const tpm = tpmResultOf(verification);
      expect(tpm.summary.status).toBe('fail');
      return tpm;
    },
  };
}

export function tpmResultOf({ result }: Pick<Verification, 'result'>): MeasurementResult {
  const tpm = result.measurements?.find(({ type }) => type === 'TPM Result');
  if (tpm === undefined) throw new Error('no TPM result');
  return tpm;
}

/** Events without a reference. */
export function failures({ artifacts }: MeasurementResult): readonly DigestResult[] {
  return (artifacts ?? []).filter(({ success }) => !success);
}

/** What of the evidence failed, apart from reference values. */
export function faults({ freshness, signature, tpmResult }: MeasurementResult): readonly string[] {
  const parts = {
    freshness,
    signature: signature.signatureVerification,
    chain: signature.certChainValidation,
    pcrs: tpmResult?.aggPcrQuoteMatch,
  };
  return Object.entries(parts).flatMap(([name, part]) => (part?.status === 'success' ? [] : name));
}

/** Length of the name of the signer in a quote; it follows, then the length of the nonce. */
export function signerNameLength(attest: Uint8Array): number {
  return new DataView(attest.buffer, attest.byteOffset).getUint16(6);
}
