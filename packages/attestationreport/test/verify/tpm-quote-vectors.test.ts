import { createPublicKey } from 'node:crypto';
import { ByteWriter, concatBytes, fromHex } from '@cmc/bytes';
import type { HashName } from 'tpm2-ts/verify';
import { beforeAll, describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Artifact, Component } from '../../src/types/report.ts';
import type { MeasurementResult } from '../../src/types/result.ts';
import { tpmVerifier } from '../../src/verify/evidence/tpm-verifier.ts';
import { type Certificate, parsePemCertificates } from '../../src/x509/index.ts';
import { clock } from '../support/scene.ts';
import { recordedTpm, signQuote, tpmComponent, tpmMetadata } from '../support/tpm.ts';
import {
  ATTESTATION_KEY,
  createTpmScene,
  failures,
  faults,
  signerNameLength,
  tpmResultOf,
} from '../support/tpm-scene.ts';
import { vector, vectorJson } from '../support/vectors.ts';

const { scene, key, certificate } = await createTpmScene();

type Pcrs = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface QuoteCase {
  readonly id: string;
  readonly file: string;
  readonly files: Readonly<Record<string, string>>;
  readonly expected: {
    readonly verdict: 'accept' | 'reject';
    readonly nonce: string;
    readonly signature: 'valid' | 'invalid';
    readonly pcrDigestMatchesPcrs?: boolean;
    readonly akCertChain?: 'valid' | 'invalid';
    readonly rejectReason?: string;
  };
  readonly facts: {
    readonly attest: {
      readonly extraData: string;
      readonly pcrSelection?: Readonly<Record<string, readonly number[]>>;
    };
  };
}

const { entries } = vectorJson<{ readonly entries: readonly QuoteCase[] }>(
  'tpm-quote',
  'index.json',
);
const BANKS: Readonly<Record<string, HashName>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
};
/** What the evidence fails by, for each reason of the index. */
const FAULTS: Readonly<Record<string, readonly string[]>> = {
  'signature invalid': ['signature'],
  'extraData differs from the nonce': ['freshness'],
  'extraData is longer than the nonce; prefixes must not match': ['freshness'],
  'PCR digest does not match': ['pcrs'],
  'AK certificate does not chain to the CA': ['chain'],
};
/** Quotes that are good as such, and refused as evidence: the code, and why. */
const STRICTER: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  'gce-cos85-nonce9009-sha1': [ErrorCode.UnsupportedAlgorithm, 'R05: SHA-1'],
  'ecdsa-p256-parsec': [ErrorCode.PcrNotSpecified, 'R03: no value of a PCR is published'],
};

describe.each(entries)('the quote $id', ({ id, file, files, expected, facts }) => {
  const attest = vector('tpm-quote', file);
  const signature = vector('tpm-quote', files['signature'] as string);
  const [[bankName, values] = ['sha256', {}]] = Object.entries(
    files['pcrs'] === undefined ? {} : vectorJson<Pcrs>('tpm-quote', files['pcrs']),
  );
  const bank = BANKS[bankName] as HashName;
  const references = Object.entries(values).map(([pcr, hex]) =>
    tpmComponent(Number(pcr), { name: 'PCR Summary', data: '', extended: fromHex(hex) }, {}, bank),
  );
  const artifacts = Object.entries(values).map(
    ([pcr], position): Artifact => ({
      type: 'PCR Summary',
      index: Number(pcr),
      events: [references[position] as Component],
    }),
  );
  // The certificates of the index are of its time, those that are made here of the scene's.
  const now = files['akCert'] === undefined ? clock.now() : new Date('2022-11-07T23:59:59Z');
  const isQuote = facts.attest.pcrSelection !== undefined;
  const stricter = STRICTER[id];
  let certs: readonly Uint8Array[];
  let roots: readonly Certificate[];
  beforeAll(async () => {
    if (files['akCert'] === undefined) {
      const publicKey = createPublicKey(Buffer.from(vector('tpm-quote', files['ak'] as string)));
      const made = await scene.ca.issue({ ...ATTESTATION_KEY, key: { ...key, publicKey } });
      certs = [made.certificate];
      roots = scene.roots;
      return;
    }
    const pem = (path: string): Certificate[] =>
      parsePemCertificates(new TextDecoder().decode(vector('tpm-quote', path)));
    certs = pem(files['akCert']).map(({ raw }) => raw);
    roots = pem(files['ca'] ?? files['aikIssuer'] ?? 'rsa-sha256-cmc/ca.pem');
  });

  const appraise = async (
    nonceOfCase: string,
    logs: readonly Artifact[] = artifacts,
    components: readonly Component[] = references,
  ): Promise<MeasurementResult> => {
    const { result } = await tpmVerifier.verify({
      evidence: { type: 'TPM Evidence', evidence: attest, signature },
      collateral: { type: 'TPM Evidence', certs, artifacts: logs },
      references: components.map((component) => ({ component, manifest: 'de.test.rtm' })),
      evidenceNonce: fromHex(nonceOfCase),
      rootManifest: undefined,
      roots,
      now,
      verifiedAnchors: new Set(),
    });
    return result;
  };

  const reason = expected.rejectReason === undefined ? '' : ` (${expected.rejectReason})`;
  const verdict =
    stricter === undefined
      ? `${expected.verdict}ed as in the index${reason}`
      : `refused, though good as a quote (${stricter[1]})`;
  test(`is ${verdict}`, async () => {
    const result = await appraise(expected.nonce);
    if (!isQuote || stricter !== undefined) {
      const [code] = stricter ?? [ErrorCode.ParseEvidence];
      expect(result.summary.status).toBe('fail');
      expect(result.summary.errorCodes).toContain(code);
      return;
    }
    const isAccepted = expected.verdict === 'accept';
    expect(faults(result)).toEqual(isAccepted ? [] : FAULTS[expected.rejectReason ?? '']);
    expect(result.summary).toEqual(
      isAccepted ? { status: 'success' } : expect.objectContaining({ status: 'fail' }),
    );
    expect(failures(result)).toEqual([]);
  });

  const { pcrEvents } = files;
  test.runIf(pcrEvents !== undefined)('is accepted with the events of its PCRs', async () => {
    const events = vectorJson<Readonly<Record<string, Readonly<Record<string, string[]>>>>>(
      'tpm-quote',
      pcrEvents as string,
    );
    const logs = Object.entries(events['sha256'] ?? {}).map(
      ([pcr, digests]): Artifact & { readonly events: readonly Component[] } => ({
        type: 'PCR Eventlog',
        index: Number(pcr),
        events: digests.map((hex) =>
          tpmComponent(Number(pcr), { name: 'event', data: '', extended: fromHex(hex) }),
        ),
      }),
    );
    const components = logs.flatMap((log) => log.events);
    expect(components.length).toBeGreaterThan(10);
    const result = await appraise(expected.nonce, logs, components);
    expect(result.summary).toEqual({ status: 'success' });
    const without = await appraise(expected.nonce, logs, components.slice(1));
    expect(failures(without)).toHaveLength(1);
  });

  test('is refused in a report that it was not made for', async () => {
    const report = await scene.report({
      measurers: [recordedTpm(certs, artifacts, async () => ({ evidence: attest, signature }))],
      metadata: tpmMetadata(references),
    });
    const { ok, result } = await scene.verify(report, {
      metadataRoots: [...scene.roots, ...roots],
    });
    expect(ok).toBe(false);
    const tpm = tpmResultOf({ result });
    expect(tpm.summary.status).toBe('fail');
    if (!isQuote || bank === 'SHA-1') {
      const code = isQuote ? ErrorCode.UnsupportedAlgorithm : ErrorCode.ParseEvidence;
      expect(tpm.summary.errorCodes).toEqual([code]);
      return;
    }
    expect(tpm.freshness).toMatchObject({ status: 'fail', got: facts.attest.extraData });
    expect(faults(tpm).filter((fault) => fault !== 'chain')).toEqual([
      'freshness',
      ...(expected.signature === 'valid' ? [] : ['signature']),
      ...(expected.pcrDigestMatchesPcrs === true ? [] : ['pcrs']),
    ]);
  });

  test.runIf(isQuote && files['pcrs'] !== undefined)(
    'with the nonce of a report, signed anew, is judged by its PCRs alone',
    async () => {
      const report = await scene.report({
        measurers: [
          recordedTpm([certificate], artifacts, async (fresh) => {
            const evidence = withNonce(attest, fresh);
            return { evidence, signature: await signQuote(evidence, key) };
          }),
        ],
        metadata: tpmMetadata(references),
      });
      const { ok, result } = await scene.verify(report);
      const isGood = expected.pcrDigestMatchesPcrs === true && bank !== 'SHA-1';
      expect(ok).toBe(isGood);
      if (isGood) expect(result.summary).toEqual({ status: 'success' });
      else if (bank === 'SHA-1') {
        expect(tpmResultOf({ result }).summary.errorCodes).toEqual([
          ErrorCode.UnsupportedAlgorithm,
        ]);
      } else expect(faults(tpmResultOf({ result }))).toEqual(['pcrs']);
    },
  );
});

/** The quote with another nonce in it. */
function withNonce(attest: Uint8Array, fresh: Uint8Array): Uint8Array {
  const start = 8 + signerNameLength(attest);
  const length = new DataView(attest.buffer, attest.byteOffset).getUint16(start);
  return concatBytes(
    attest.subarray(0, start),
    new ByteWriter().sized16(fresh).finish(),
    attest.subarray(start + 2 + length),
  );
}
