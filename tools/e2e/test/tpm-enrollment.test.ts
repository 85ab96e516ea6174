import { constants, createHash, verify, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CmcClient, TlsKeyConfig } from '@cmc/api';
import type { Component, Metadata } from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { BUILD_TIMEOUT_MS } from '@cmc/testbed';
import { createFakeCa, isMissing, type Swtpm, startSwtpm } from '@cmc/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { provenKey } from './support/proven-key.ts';
import {
  createProvisioning,
  type EnrollingDaemon,
  keyFor,
  type Provisioning,
} from './support/provisioning.ts';
import { sayHello } from './support/say-hello.ts';
import { buildPrograms, createSite, type Site } from './support/site.ts';

const isSwtpmMissing = isMissing('swtpm', 'swtpm_setup', 'tpm2_pcrextend');
beforeAll(buildPrograms, BUILD_TIMEOUT_MS);

const TIMEOUT_MS = 60_000;
const KILLS = 12;
/** An enrolment takes less. */
const MAX_DELAY_MS = 300;
/** tcg-kp-AIKCertificate. */
const ATTESTATION_KEY = '2.23.133.8.3';
const NONCE = new Uint8Array(32).fill(7);

/** Values of PCRs that nothing was measured into. */
const references: readonly Component[] = [0, 7, 10].map((pcr) => ({
  type: 'firmware',
  name: 'PCR Summary',
  hashes: [{ alg: 'SHA-256', content: new Uint8Array(32) }],
  properties: [
    { name: 'cmc.ta', value: 'TPM' },
    { name: 'cmc.index', value: String(pcr) },
  ],
}));

/** Metadata of a computer with a TPM; gives its location. */
async function writeMetadata({ folder, testbed }: Site): Promise<string> {
  const common = {
    version: '2026-05-01T00:00:00Z',
    validity: { notBefore: '2026-05-01T00:00:00Z', notAfter: '2036-12-31T00:00:00Z' },
  };
  const items: readonly Metadata[] = [
    {
      type: 'Image Description',
      name: 'server.tpm',
      ...common,
      descriptions: [
        { type: 'Manifest Description', name: 'server.boot.description', manifest: 'server.boot' },
      ],
    },
    {
      type: 'Manifest',
      name: 'server.boot',
      ...common,
      baseLayers: ['server.boot'],
      certLevel: 3,
      sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components: [...references] },
    },
  ];
  const metadata = join(folder, 'tpm-metadata');
  mkdirSync(metadata);
  for (const [index, item] of items.entries()) {
    const payload = encodeStruct(metadataSchema, item, 'json');
    const signed = await signPayload(payload, [testbed.metadataSigner], 'json');
    writeFileSync(join(metadata, `${index}.json`), signed);
  }
  return `file://${metadata}`;
}

interface World {
  readonly swtpm: Swtpm;
  readonly provisioning: Provisioning;
  readonly startDaemon: (settings?: object) => Promise<EnrollingDaemon>;
}

async function createWorld(): Promise<World> {
  const site = await createSite();
  const swtpm = await startSwtpm({ ek: true });
  onTestFinished(async () => await swtpm[Symbol.asyncDispose]());
  const provisioning = await createProvisioning(site, {
    endpoints: {
      attestenroll: ['attestation'],
      tpmactivateenroll: ['tpm'],
      tpmcertifyenroll: ['tpm', 'attestation'],
    },
  });
  const vendor = ['issuercert.pem', 'swtpm-localca-rootca-cert.pem'];
  for (const name of vendor) await provisioning.trustVendor(join(swtpm.folder, 'ca', name));
  await provisioning.start();
  const metadata = [await writeMetadata(site)];
  return {
    swtpm,
    provisioning,
    startDaemon: async (settings = {}) =>
      await provisioning.startDaemon('server', {
        drivers: ['tpm'],
        metadata,
        endorsementMode: 'est',
        measurementLogs: false,
        tpmDevice: `unix://${swtpm.path}`,
        ...settings,
      }),
  };
}

function tpmKey(alg: TlsKeyConfig['alg']): TlsKeyConfig {
  return { type: 'tpm', alg, cn: 'server', dnsNames: ['localhost'], ipAddresses: [] };
}

/** Whether a daemon signs with the key of the certificate that it shows, in every way it has. */
async function signs(client: CmcClient, keyId: string): Promise<boolean> {
  const { certificate } = await client.tlsCert({ keyId });
  const { publicKey: key } = new X509Certificate(Buffer.from(certificate[0] ?? new Uint8Array()));
  const bits = key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 384 : 256;
  const message = new TextEncoder().encode('a message');
  const content = new Uint8Array(createHash(`sha${bits}`).update(message).digest());
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  const pss = { scheme: 'rsa-pss' } as const;
  const ways = [
    {},
    { message },
    ...(key.asymmetricKeyType === 'rsa' ? [pss, { ...pss, message }] : []),
  ];
  for (const way of ways) {
    const request = { keyId, content, hashAlg: `SHA-${bits}`, ...way };
    const { signedContent } = await client.tlsSign(request);
    const input = 'scheme' in way ? { key, padding, saltLength } : key;
    if (!verify(`sha${bits}`, message, input, signedContent)) return false;
  }
  return true;
}

/** Asks the TPM itself. */
function has(swtpm: Swtpm, algorithm: string): boolean {
  try {
    swtpm.tool('tpm2_testparms', algorithm);
    return true;
  } catch {
    return false;
  }
}

async function verdict(client: CmcClient): Promise<string> {
  const { report } = await client.attest({ nonce: NONCE });
  const { result } = await client.verify({ nonce: NONCE, report });
  return result.summary.status;
}

describe.skipIf(isSwtpmMissing)('a daemon with a TPM, at a provisioning server', () => {
  test(
    'gets certificates for its attestation key and for TLS keys that never leave the TPM',
    async () => {
      const { swtpm, provisioning, startDaemon } = await createWorld();
      const daemon = await startDaemon();
      const client = await daemon.client();
      expect(await verdict(client)).toBe('success');
      const chain = readFileSync(join(daemon.storage, 'tpm_ak_chain.pem'), 'utf8');
      const certificate = new X509Certificate(chain);
      expect(certificate.keyUsage).toEqual([ATTESTATION_KEY]);
      expect(certificate.subjectAltName).toBeUndefined();

      const ids: string[] = [];
      for (const alg of ['EC256', 'EC384', 'RSA2048'] as const) {
        ids.push((await client.tlsCreate({ keyConfig: tpmKey(alg) })).keyId);
      }
      for (const id of ids) expect(await signs(client, id)).toBe(true);
      expect((await provisioning.certificates()).map(({ method }) => method).sort()).toEqual([
        'tpm-activate',
        'tpm-certify',
        'tpm-certify',
        'tpm-certify',
      ]);
      // Nothing that is kept is a private key.
      const kept = readdirSync(daemon.storage, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'));
      expect(kept.some((text) => text.includes('PRIVATE KEY'))).toBe(false);

      // The next process has the same keys, and asks nobody for certificates.
      await daemon.program[Symbol.asyncDispose]();
      const again = await (await startDaemon()).client();
      expect(await signs(again, ids[0] ?? '')).toBe(true);
      expect(await verdict(again)).toBe('success');
      expect(await provisioning.certificates()).toHaveLength(4);

      // The server knows the device by its attestation key: that stays.
      const key = certificate.publicKey.export({ format: 'pem', type: 'spki' });
      for (let round = 0; round < 2; round++) {
        expect(await again.updateCerts()).toMatchObject({ success: true });
        const renewed = readFileSync(join(daemon.storage, 'tpm_ak_chain.pem'), 'utf8');
        const { publicKey } = new X509Certificate(renewed);
        expect(publicKey.export({ format: 'pem', type: 'spki' })).toBe(key);
        expect(await verdict(again)).toBe('success');
      }

      // Something that no reference value is for.
      swtpm.tool('tpm2_pcrextend', `7:sha256=${'ab'.repeat(32)}`);
      expect(await verdict(again)).toBe('fail');
      const refused = again.tlsCreate({ keyConfig: tpmKey('EC256') });
      await expect(refused).rejects.toMatchObject({ remoteCode: 'ERR_EST_UNAUTHORIZED' });
    },
    TIMEOUT_MS,
  );

  test(
    'has keys of RSA4096 where its TPM has, and says so where it has none',
    async () => {
      const { swtpm, startDaemon } = await createWorld();
      expect(has(swtpm, 'rsa2048')).toBe(true);
      const isThere = has(swtpm, 'rsa4096');
      const client = await (await startDaemon()).client();
      const created = client.tlsCreate({ keyConfig: tpmKey('RSA4096') });
      if (isThere) expect(await signs(client, (await created).keyId)).toBe(true);
      else {
        await expect(created).rejects.toMatchObject({
          remoteCode: 'ERR_CMCD_NOT_AVAILABLE',
          message: expect.stringContaining('this TPM has no keys of kind RSA4096'),
        });
      }
    },
    TIMEOUT_MS,
  );

  test(
    `survives that it is killed ${KILLS} times before its first report: one attestation key`,
    async () => {
      const { swtpm, provisioning, startDaemon } = await createWorld();
      for (let kill = 0; kill < KILLS; kill++) {
        const daemon = await startDaemon();
        const client = await daemon.client();
        const report = client.attest({ nonce: NONCE }).catch(() => undefined);
        await new Promise((go) => setTimeout(go, (kill * MAX_DELAY_MS) / KILLS));
        await daemon.program.stop('SIGKILL');
        await report;
        // As a resource manager does when a program ends; this TPM has none.
        for (const what of ['-t', '-l', '-s']) swtpm.tool('tpm2_flushcontext', what);
      }
      const daemon = await startDaemon();
      expect(await verdict(await daemon.client())).toBe('success');
      const certificates = await provisioning.certificates();
      expect(new Set(certificates.map(({ spkiSha256 }) => spkiSha256)).size).toBe(1);
    },
    TIMEOUT_MS,
  );

  test.each(['EC256', 'RSA2048'] as const)(
    'has a key of %s in its TPM sign for connections whose TLS key is not in it',
    async (alg) => {
      const { provisioning, startDaemon } = await createWorld();
      const daemon = await startDaemon();
      const client = await daemon.client();
      const { keyId } = await client.tlsCreate({ keyConfig: tpmKey(alg) });
      const [leaf = new Uint8Array()] = (await client.tlsCert({ keyId })).certificate;
      const proven = await provenKey(provisioning.rootPem, { daemon, keyId });
      expect(proven.equals(new X509Certificate(Buffer.from(leaf)).raw)).toBe(true);
      const stranger = createFakeCa().pem;
      await expect(provenKey(stranger, { daemon, keyId })).rejects.toMatchObject({
        code: 'ERR_ATLS_KEY_PROOF',
      });
    },
    TIMEOUT_MS,
  );

  test.each(['EC256', 'EC384', 'RSA2048'] as const)(
    'serves attested TLS with a key of %s in its TPM, until something unknown is measured',
    async (alg) => {
      const { swtpm, provisioning, startDaemon } = await createWorld();
      const daemon = await startDaemon();
      const { keyId } = await (await daemon.client()).tlsCreate({ keyConfig: tpmKey(alg) });
      const peer = await provisioning.startDaemon('client');
      const own = await (await peer.client()).tlsCreate({
        keyConfig: keyFor('client', 'localhost'),
      });
      const ends = {
        server: { daemon, keyId },
        client: { daemon: peer, keyId: own.keyId },
      };
      expect(await sayHello(provisioning.rootPem, ends)).toBe('hello');
      swtpm.tool('tpm2_pcrextend', `7:sha256=${'ab'.repeat(32)}`);
      await expect(sayHello(provisioning.rootPem, ends)).rejects.toMatchObject({
        code: expect.stringContaining('ATTESTATION'),
      });
    },
    TIMEOUT_MS,
  );
});
