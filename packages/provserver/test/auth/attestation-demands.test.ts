import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, silentLogger, toBase64 } from '@cmc/bytes';
import { attestEnrollRequest, enrollmentNonce, NONCE_HEADER } from '@cmc/est';
import { createFakeKeySync, type IssueOptions, spkiOf, toPem } from '@cmc/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type MeasuredFile,
  measuredTpm,
} from '../../../attestationreport/test/support/measured-tpm.ts';
import { clock, createScene, type Scene } from '../../../attestationreport/test/support/scene.ts';
import { SIGNERS, signedFiles } from '../../../attestationreport/test/support/signed-files.ts';
import {
  createFakeAmd,
  createFakeChip,
  type FakeAmd,
  type FakeChip,
  fakeSnp,
  rootRevocationList,
  snpMetadata,
} from '../../../attestationreport/test/support/snp.ts';
import { checkAttestation } from '../../src/auth/attestation-method.ts';
import { createAttestationPolicy } from '../../src/auth/attestation-policy.ts';
import type { ProvserverConfig } from '../../src/config/schema.ts';
import { openStore } from '../../src/store/open-store.ts';
import { createKey, csrFor, startTestServer } from '../support/server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const DAY_MS = 86_400_000;

function fileOf(content: string | Uint8Array): string {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, content);
  return file;
}

describe('a device with a TPM', () => {
  interface Device {
    /** Usages in the certificate of its attestation key. Default: that of attestation keys. */
    readonly usages?: IssueOptions['extendedKeyUsage'];
    readonly measured?: readonly MeasuredFile[];
  }

  /** What the answer to its enrolment by attestation is, by a server with these settings. */
  async function enroll(
    settings: Partial<ProvserverConfig>,
    { usages = ['2.23.133.8.3'], measured = [] }: Device,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const config = { allowedNames: ['device.example'], ...settings };
    const server = await startTestServer({ config });
    const key = createFakeKeySync('EC256');
    const { certificate } = await server.metadataCa.issue({
      commonName: 'device TPM AK',
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: usages,
      key,
    });
    const tpm = measuredTpm({ key, certs: [certificate] }, measured);
    const nonce = await server.client().nonce();
    if (nonce === undefined) throw new Error('no nonce');
    const { signer } = await createKey();
    const report = await server.report(signer.publicKey, {
      serverNonce: nonce.nonce,
      measurers: [tpm.measurer],
      components: tpm.references,
    });
    const { contentType, body } = attestEnrollRequest.encode({
      csr: await csrFor(signer),
      report,
    });
    return await server.send({
      method: 'POST',
      path: '/.well-known/est/attestenroll',
      headers: { 'content-type': contentType, [NONCE_HEADER]: toBase64(nonce.nonce) },
      body,
    });
  }

  test('is enrolled when nothing is wrong with it', async () => {
    expect(await enroll({}, {})).toMatchObject({ status: 200 });
  });

  test('R21 with files that no manifest knows is refused, unless keys of imaKeys signed them all', async () => {
    const device = { measured: signedFiles() };
    const [rsa, secp256k1] = SIGNERS;
    const other = fileOf(spkiOf(createFakeKeySync()));
    for (const settings of [{}, { imaKeys: [rsa] }, { imaKeys: [other] }]) {
      expect(await enroll(settings, device)).toMatchObject({
        status: 403,
        text: expect.stringContaining('reference value'),
      });
    }
    const imaKeys = [other, rsa, secp256k1];
    expect(await enroll({ imaKeys }, device)).toMatchObject({ status: 200 });
  });

  test('R11 whose attestation key has a certificate for TLS is refused, unless tpmAllowTlsKeys takes it', async () => {
    const device = { usages: ['serverAuth', 'clientAuth'] } as const;
    expect(await enroll({}, device)).toMatchObject({ status: 403 });
    expect(await enroll({ tpmAllowTlsKeys: true }, device)).toMatchObject({ status: 200 });
  });

  test('R21 with a boot_aggregate of another boot is refused, unless tpmAllowUncheckedBootAggregate takes it', async () => {
    const name = 'boot_aggregate';
    const device = { measured: [{ name, digest: new Uint8Array(32).fill(1), isKnown: true }] };
    expect(await enroll({}, device)).toMatchObject({ status: 403 });
    const settings = { tpmAllowUncheckedBootAggregate: true };
    expect(await enroll(settings, device)).toMatchObject({ status: 200 });
  });
});

describe('revocation lists of AMD', () => {
  const SPKI = spkiOf(createFakeKeySync());
  const NONCE = new Uint8Array(32).fill(9);
  let scene: Scene;
  let amd: FakeAmd;
  let chip: FakeChip;
  beforeAll(async () => {
    scene = await createScene();
    amd = await createFakeAmd('Milan');
    chip = await createFakeChip(amd);
  }, 60_000);

  const list = (options: { readonly isRevoked?: boolean; readonly to?: number } = {}): Uint8Array =>
    rootRevocationList(amd, options);

  /** What settings say to one report after the other of a guest that nothing is wrong with. */
  async function judge(
    settings: Pick<ProvserverConfig, 'snpCrls'>,
    logger: Logger = silentLogger,
  ): Promise<() => Promise<number>> {
    const store = await openStore(`sqlite://${join(temporaryFolder(), 'prov.db')}`);
    onTestFinished(async () => await store[Symbol.asyncDispose]());
    const now = clock.now();
    await store.createNonce(NONCE, new Date(now.getTime() + DAY_MS), now);
    const config: ProvserverConfig = {
      rootCas: [fileOf(scene.ca.pem)],
      ...{ estCaKey: '', estCaChain: [], tlsKey: '', tlsCaChain: [], database: '' },
      ...settings,
    };
    const parts = { store, logger, now: () => now };
    const policy = await createAttestationPolicy(config, parts);
    const check = {
      ...{ store, logger, now },
      // No server can be told to trust another root than AMD's.
      policy: { ...policy, verify: { ...policy.verify, snpRoots: [amd.root] } },
    };
    const report = await scene.report({
      measurers: [fakeSnp('Milan', chip)],
      metadata: snpMetadata(amd),
      nonce: enrollmentNonce(SPKI, NONCE),
    });
    const request = {
      headers: { [NONCE_HEADER]: toBase64(NONCE) },
      remoteAddress: '127.0.0.1',
      signal: new AbortController().signal,
    };
    return async () =>
      await checkAttestation(report, SPKI, request, check).then(
        () => 200,
        (error: { readonly status: number }) => error.status,
      );
  }

  test('R28 refuse a guest whose authority they revoke or whose root has none in date', async () => {
    expect(await (await judge({}))()).toBe(200);
    for (const [content, status] of [
      [list(), 200],
      [toPem(list(), 'X509 CRL'), 200],
      [list({ isRevoked: true }), 403],
      [list({ to: -1 }), 403],
    ] as const) {
      expect(await (await judge({ snpCrls: [fileOf(content)] }))()).toBe(status);
    }
  });

  test('R28 count as they are in their files, and stay while a new file cannot be used', async () => {
    const [warnings, errors]: [string[], string[]] = [[], []];
    const file = fileOf(list({ to: -1 }));
    const verdict = await judge(
      { snpCrls: [file] },
      {
        ...silentLogger,
        warn: (_, message) => void warnings.push(message),
        error: (_, message) => void errors.push(message),
      },
    );
    expect(warnings).toEqual(['a revocation list is out of date: SNP reports will fail']);
    expect(await verdict()).toBe(403);
    writeFileSync(file, toPem(list(), 'X509 CRL'));
    expect(await verdict()).toBe(200);
    writeFileSync(file, list({ isRevoked: true }));
    expect(await verdict()).toBe(403);
    writeFileSync(file, list().subarray(1));
    expect(await verdict()).toBe(403);
    expect(errors).toEqual(['a file of snpCrls cannot be used: what it held stays']);
  });
});

describe('a server does not start', () => {
  const ed25519 = toPem(spkiOf(createFakeKeySync('Ed25519')), 'PUBLIC KEY');
  test.each<[string, 'imaKeys' | 'snpCrls', string]>([
    ['a key that cannot sign files', 'imaKeys', ed25519],
    ['text for a key', 'imaKeys', 'a key'],
    ['more keys than a keyring has', 'imaKeys', readFileSync(SIGNERS[1], 'utf8').repeat(1024)],
    ['text for a list', 'snpCrls', 'a list'],
    ['a key for a list', 'snpCrls', ed25519],
  ])('with %s: it names setting and file', async (_, setting, content) => {
    const good = setting === 'imaKeys' ? [SIGNERS[0]] : [];
    for (const file of [fileOf(content), '/nonexistent']) {
      const started = startTestServer({ config: { [setting]: [...good, file] } });
      await expect(started).rejects.toMatchObject({
        code: 'ERR_PROV_CONFIG',
        message: expect.stringContaining(`${setting}: ${file}`),
        cause: expect.any(Error),
      });
    }
  });
});
