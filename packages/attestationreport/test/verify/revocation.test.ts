import { createFakeCa } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  decodeCbor,
  decodeReport,
  encodeCbor,
  encodeStruct,
  metadataSchema,
} from '../../src/codec/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import { explain } from '../../src/explain.ts';
import { signPayload } from '../../src/sign/index.ts';
import type { Metadata } from '../../src/types/metadata.ts';
import type { Verification, VerifyOptions } from '../../src/verify/index.ts';
import {
  createScene,
  digestOf,
  imageDescription,
  manifestOf,
  type Scene,
} from '../support/scene.ts';
import { containerReference } from '../support/software.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await createScene('json');
});

async function refuse(report: Uint8Array, changes: Partial<VerifyOptions>): Promise<Verification> {
  const verification = await scene.verify(report, changes);
  expect(verification.ok, explain(verification.result).join(' ')).toBe(false);
  expect(verification.result.summary.errorCodes).toContain(ErrorCode.VerifyMetadata);
  return verification;
}

describe('revocation', () => {
  const server = 'https://omsp.test';
  const fresh = { producedAt: '2026-05-31T00:00:00Z', thisUpdate: '2026-05-31T00:00:00Z' };

  /** A report with one manifest that names the server, and the server's answers about it. */
  async function report(
    answer: Record<string, string> | readonly Record<string, string>[] = [],
    response: Partial<Metadata> = {},
    changes: Partial<Metadata> = { omspServer: server },
  ): Promise<Uint8Array> {
    const app = await scene.sign({
      ...manifestOf('rtm', 'rtm', [containerReference()]),
      ...changes,
    });
    const manifestHash = digestOf(app);
    const good = { manifestHash, status: 'good', thisUpdate: fresh.thisUpdate };
    const responses = [answer].flat().map((each) => ({ ...good, ...each }));
    return scene.report({
      metadata: [
        imageDescription(['rtm']),
        app,
        { type: 'OMSP Response', server, producedAt: fresh.producedAt, responses, ...response },
      ],
    });
  }
  const options = { checkOmsp: true };

  test('accepts a manifest whose server says that it is good', async () => {
    const nextUpdate = '2026-06-02T00:00:00Z';
    for (const answer of [{}, { nextUpdate }]) {
      const { ok, result } = await scene.verify(await report(answer), options);
      expect(explain(result).slice(2)).toEqual([]);
      expect(ok).toBe(true);
      expect(result.metadata.manifestResults?.[0]).toMatchObject({
        manifestHash: expect.stringMatching(/^[0-9a-f]{64}$/),
        omspValidity: { status: 'success' },
        omspStatus: { status: 'success', got: 'good' },
      });
      expect(result.metadata.omspSignatureResults?.[0]?.summary).toEqual({ status: 'success' });
    }
  });

  test('R36 refuses a revoked manifest with time and reason', async () => {
    const revoked = {
      status: 'revoked',
      revocationTime: '2026-05-30T00:00:00Z',
      revocationReason: 'key compromise',
    };
    const { result } = await refuse(await report(revoked), options);
    expect(result.metadata.manifestResults?.[0]).toMatchObject({
      summary: { status: 'fail' },
      omspStatus: { status: 'fail', got: 'revoked', errorCodes: [ErrorCode.ManifestRevoked] },
      revocationTime: revoked.revocationTime,
      revocationReason: revoked.revocationReason,
    });
    expect((await scene.verify(await report(revoked))).ok).toBe(true);
  });

  test('R36 refuses a manifest about which the server says two things', async () => {
    for (const answers of [
      [{}, { status: 'revoked' }],
      [{}, {}],
    ]) {
      const { result } = await refuse(await report(answers), options);
      expect(result.metadata.manifestResults?.[0]?.omspStatus?.errorCodes).toEqual([
        ErrorCode.ManifestRevocationUnknown,
      ]);
    }
  });

  test('R36 refuses a manifest of unknown status, and statuses that do not exist', async () => {
    for (const status of ['unknown', 'GOOD', '']) {
      const { result } = await refuse(await report({ status }), options);
      expect(result.metadata.manifestResults?.[0]?.omspStatus?.errorCodes).toEqual([
        ErrorCode.ManifestRevocationUnknown,
      ]);
    }
  });

  test('R36 refuses with a result, not a crash, when the answer is missing', async () => {
    for (const bytes of [
      await report(undefined),
      await report({ manifestHash: '00'.repeat(32) }),
      await report({}, { server: 'https://other.test' }),
      await report(
        {},
        {
          type: 'Company Description',
          validity: { notBefore: fresh.producedAt, notAfter: '2027-01-01T00:00:00Z' },
        },
      ),
    ]) {
      const { result } = await refuse(bytes, options);
      expect(result.metadata.manifestResults?.[0]?.omspStatus).toMatchObject({
        status: 'fail',
        errorCodes: [ErrorCode.ManifestRevocationUnknown],
      });
    }
  });

  test('R36 accepts an outdated manifest with a warning', async () => {
    const { ok, result } = await scene.verify(await report({ status: 'outdated' }), options);
    expect(ok).toBe(true);
    expect(result.summary).toMatchObject({
      status: 'warn',
      errorCodes: [ErrorCode.VerifyMetadata],
    });
    expect(result.metadata.manifestResults?.[0]).toMatchObject({
      summary: { status: 'warn' },
      omspStatus: { status: 'warn', errorCodes: [ErrorCode.ManifestOutdated] },
    });
  });

  test.each([
    ['produced more than a week ago', { producedAt: '2026-05-25T11:59:59Z' }, {}],
    ['produced in the future', { producedAt: '2026-06-01T12:01:01Z' }, {}],
    ['produced at no time', { producedAt: 'now' }, {}],
    ['without a time', { producedAt: '' }, {}],
    ['for later', {}, { thisUpdate: '2026-06-01T12:01:01Z' }],
    ['for earlier', {}, { nextUpdate: '2026-06-01T11:59:59Z' }],
    ['with an unreadable begin', {}, { thisUpdate: 'x' }],
    ['with an unreadable end', {}, { nextUpdate: 'x' }],
  ])('R36 refuses an answer %s', async (_, response, answer) => {
    await refuse(await report(answer as Record<string, string>, response), options);
  });

  test('R36 does not rely on an answer that is not signed by a trusted server', async () => {
    const { signer } = await createFakeCa({ commonName: 'Metadata Root' }).issue();
    const app = await scene.sign({
      ...manifestOf('rtm', 'rtm', [containerReference()]),
      omspServer: server,
    });
    const forged: Metadata = {
      type: 'OMSP Response',
      server,
      producedAt: fresh.producedAt,
      responses: [{ manifestHash: digestOf(app), status: 'good', thisUpdate: fresh.thisUpdate }],
    };
    const metadata = [imageDescription(['rtm']), app, await scene.sign(forged, [signer])];
    const { result } = await refuse(await scene.report({ metadata }), options);
    expect(result.metadata.manifestResults?.[0]?.omspStatus?.errorCodes).toEqual([
      ErrorCode.ManifestRevocationUnknown,
    ]);
  });

  test('R36 refuses two answers of one server', async () => {
    const { report: decoded } = decodeReport(await report({}));
    const items = [...(decoded.context.metadata?.values() ?? [])];
    const second: Metadata = { type: 'OMSP Response', server, producedAt: '2026-05-30T00:00:00Z' };
    await refuse(await scene.report({ metadata: [...items, second] }), options);
  });

  test('R36 a manifest without a server passes only where revocation is not required', async () => {
    const bytes = await report({}, {}, {});
    const { ok, result } = await scene.verify(bytes, options);
    expect(ok).toBe(true);
    expect(result.metadata.manifestResults?.[0]?.summary.details).toBe(
      'Revocation check for manifest was not possible, because manifest contains no OmspServer URL.',
    );
    const required = await refuse(bytes, { requireOmsp: true });
    expect(required.result.metadata.manifestResults?.[0]?.omspStatus?.errorCodes).toEqual([
      ErrorCode.ManifestRevocationUnknown,
    ]);
    expect((await scene.verify(await report({}), { requireOmsp: true })).ok).toBe(true);
  });

  test('R36 a manifest in CBOR is checked too, though its server shares a key with a location', async () => {
    const cbor = await createScene('cbor');
    const withKey20 = (metadata: Metadata): Promise<Uint8Array> => {
      const map = decodeCbor(encodeStruct(metadataSchema, metadata, 'cbor'));
      if (!(map instanceof Map)) throw new TypeError('metadata is a map');
      const payload = encodeCbor(new Map([...map, [20, server]]));
      return signPayload(payload, [cbor.signer], 'cbor');
    };
    const app = await withKey20(manifestOf('rtm', 'rtm', [containerReference()]));
    const image = await withKey20(imageDescription(['rtm']));
    const answer = (status: string): Metadata => ({
      type: 'OMSP Response',
      server,
      producedAt: fresh.producedAt,
      responses: [{ manifestHash: digestOf(app), status, thisUpdate: fresh.thisUpdate }],
    });
    const good = await cbor.report({ metadata: [image, app, answer('good')] });
    const { ok, result } = await cbor.verify(good, { requireOmsp: true });
    expect(ok).toBe(true);
    expect(result.metadata.manifestResults?.[0]?.omspServer).toBe(server);
    expect(result.metadata.imageDescriptionResult.location).toBe(server);
    const revoked = await cbor.report({ metadata: [image, app, answer('revoked')] });
    expect((await cbor.verify(revoked, options)).ok).toBe(false);
  });
});
