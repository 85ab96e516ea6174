import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { silentLogger, toBase64, toHex } from '@cmc/bytes';
import {
  NONCE_HEADER,
  parseCsr,
  type TpmActivateEnrollRequest,
  type TpmCertifyEnrollRequest,
  tpmActivateEnrollRequest,
  tpmActivateEnrollResponse,
  tpmCertifyEnrollRequest,
} from '@cmc/est';
import { flipEachByte } from '@cmc/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readActivateEnroll } from '../../src/tpm/activate.ts';
import { EkDownloads } from '../../src/tpm/ek-download.ts';
import { readVendorPem } from '../../src/tpm/import-vendor-certificates.ts';
import {
  type Answer,
  auditActions,
  type ReportOptions,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from '../support/server.ts';
import { isSwtpmMissing, type Swtpm, startSwtpm } from '../support/swtpm.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { createTpmDevice, MEASURED, reportWith, type TpmDevice } from '../support/tpm-device.ts';

const EST = '/.well-known/est';
/** Without an attestation, so that every refusal is about the TPM. */
const OPEN = {
  allowedNames: ['*.example'],
  endpoints: { tpmcertifyenroll: ['tpm'] },
} as const satisfies TestServerOptions['config'];

async function trust(server: TestServer, { vendorPem }: Swtpm): Promise<void> {
  const path = join(temporaryFolder(), 'vendor.pem');
  writeFileSync(path, vendorPem);
  await server.store.addVendorCertificates(await readVendorPem(path), new Date());
}

async function activate(server: TestServer, message: TpmActivateEnrollRequest): Promise<Answer> {
  const { contentType, body } = tpmActivateEnrollRequest.encode(message);
  const headers = { 'content-type': contentType };
  return await server.send({ method: 'POST', path: `${EST}/tpmactivateenroll`, headers, body });
}

async function certify(
  server: TestServer,
  message: TpmCertifyEnrollRequest,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { contentType, body } = tpmCertifyEnrollRequest.encode(message);
  const headers = { 'content-type': contentType, ...more };
  return await server.send({ method: 'POST', path: `${EST}/tpmcertifyenroll`, headers, body });
}

async function opened(device: TpmDevice, { headers, text }: Answer): Promise<Uint8Array> {
  const contentType = String(headers['content-type']);
  const body = new TextEncoder().encode(text);
  return await device.open(tpmActivateEnrollResponse.decode({ contentType, body }));
}

/** What the endpoint itself finds out, without counting refusals. */
async function prove(
  { store }: TestServer,
  message: TpmActivateEnrollRequest,
  downloads?: EkDownloads,
): Promise<unknown> {
  const policy = {
    verifyCertificate: true,
    revoked: new Set<string>(),
    ...(downloads === undefined ? {} : { downloads }),
  };
  const { contentType, body } = tpmActivateEnrollRequest.encode(message);
  const request = {
    method: 'POST',
    path: '',
    query: new URLSearchParams(),
    headers: { 'content-type': contentType },
    body,
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
  };
  const options = { store, policy, logger: silentLogger, allowedNames: ['*'] };
  return await readActivateEnroll(request, options).prove?.(parseCsr(message.csr), new Date());
}

describe.skipIf(isSwtpmMissing)('with a software TPM', () => {
  let tpms: readonly [Swtpm, Swtpm];
  beforeAll(async () => {
    tpms = [await startSwtpm(), await startSwtpm()];
  });
  afterAll(async () => {
    for (const tpm of tpms) await tpm[Symbol.asyncDispose]();
  });

  test.each([
    ['L-1', 'P-256'],
    ['L-1', 2048],
    ['H-3', 'P-256'],
  ] as const)(
    'an attestation key under EK %s, %s, is activated and certifies another key',
    async (ekId, key) => {
      const [swtpm] = tpms;
      const server = await startTestServer({ config: OPEN });
      await trust(server, swtpm);
      const device = await createTpmDevice(swtpm.tpm, { ekId, key });
      const answer = await activate(server, await device.activateRequest());
      expect(answer).toMatchObject({ status: 200 });
      expect(answer.headers['content-transfer-encoding']).toBeUndefined();
      const der = await opened(device, answer);
      const certificate = parseCertificate(der);
      expect(certificate).toMatchObject({
        subject: 'CN=device.example TPM AK',
        extendedKeyUsage: ['2.23.133.8.3'],
        keyUsage: ['digitalSignature'],
        basicConstraints: { isCa: false },
      });
      expect(certificate.subjectAlternativeName).toBeUndefined();
      const certified = await certify(server, await device.certifyRequest(der));
      expect(certified).toMatchObject({ status: 200 });
      const records = await server.store.listCertificates({ limit: 9, now: new Date() });
      expect(records).toMatchObject([
        { method: 'tpm-activate', device: 'device.example', names: [], certificate: der },
        { method: 'tpm-certify', device: 'device.example', names: ['device.example'] },
      ]);
      const tls = new X509Certificate(records[1]?.certificate ?? new Uint8Array());
      expect(tls.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
      expect(await auditActions(server.store)).toEqual(
        expect.arrayContaining(['device-registered', 'certificate-issued']),
      );
    },
  );

  test('R48 every answer has another secret, a changed one opens nothing, and no certificate is in clear', async () => {
    const [swtpm] = tpms;
    const server = await startTestServer({ config: OPEN });
    await trust(server, swtpm);
    const device = await createTpmDevice(swtpm.tpm);
    const message = await device.activateRequest();
    const first = await activate(server, message);
    const second = await activate(server, message);
    expect(second.text).not.toBe(first.text);
    const der = await opened(device, first);
    expect(await opened(device, second)).toEqual(der);
    expect(await server.store.listCertificates({ limit: 9, now: new Date() })).toHaveLength(1);
    expect(first.text).not.toContain(Buffer.from(der).toString('base64').slice(0, 40));
    const decode = ({
      headers,
      text,
    }: Answer): ReturnType<typeof tpmActivateEnrollResponse.decode> =>
      tpmActivateEnrollResponse.decode({
        contentType: String(headers['content-type']),
        body: new TextEncoder().encode(text),
      });
    const [one, two] = [decode(first), decode(second)];
    await expect(
      device.open({ ...one, encryptedCertificate: two.encryptedCertificate }),
    ).rejects.toMatchObject({ code: 'ERR_EST_DECRYPT' });
    await expect(device.open({ ...one, credentialBlob: two.credentialBlob })).rejects.toMatchObject(
      { code: 'ERR_TPM_RESPONSE' },
    );
  });

  test('R48 another TPM, or another key of the same one, does not open the answer', async () => {
    const [swtpm, other] = tpms;
    const server = await startTestServer({ config: OPEN });
    await trust(server, swtpm);
    const device = await createTpmDevice(swtpm.tpm);
    const answer = await activate(server, await device.activateRequest());
    expect(answer.status).toBe(200);
    for (const thief of [await createTpmDevice(swtpm.tpm), await createTpmDevice(other.tpm)]) {
      await expect(opened(thief, answer)).rejects.toMatchObject({ code: 'ERR_TPM_RESPONSE' });
    }
  });

  test('R48 the certificate is given away by no other endpoint', async () => {
    const [swtpm] = tpms;
    const server = await startTestServer({
      config: {
        ...OPEN,
        endpoints: { simpleenroll: ['token'], tpmactivateenroll: ['tpm', 'token'] },
      },
    });
    await trust(server, swtpm);
    const device = await createTpmDevice(swtpm.tpm, { dnsNames: [] });
    const message = await device.activateRequest();
    const client = server.client({ token: await server.token() });
    await client.tpmActivateEnroll(message);
    await expect(client.simpleEnroll(message.csr)).rejects.toMatchObject({ status: 403 });
    await client.tpmActivateEnroll(message);
    expect(await server.store.listCertificates({ limit: 9, now: new Date() })).toHaveLength(1);
  });

  test('R52 a certificate is fetched where that is on, and checked as any other', async () => {
    const [swtpm, other] = tpms;
    const server = await startTestServer();
    await trust(server, swtpm);
    await trust(server, other);
    const message = await (await createTpmDevice(swtpm.tpm)).activateRequest();
    const stranger = await (await createTpmDevice(other.tpm)).activateRequest();
    const ekCertificateUrl = `https://ftpm.amd.com/pki/aia/${'0a'.repeat(16)}`;
    const asked = { ...message, ekCertificate: new Uint8Array(), ekCertificateUrl };
    const answering = (body: Uint8Array): EkDownloads =>
      new EkDownloads(async () => ({ status: 200, body }));
    await expect(prove(server, asked)).rejects.toMatchObject({ status: 403 });
    await expect(prove(server, asked, answering(message.ekCertificate))).resolves.toMatchObject({
      method: 'tpm-activate',
    });
    for (const body of [stranger.ekCertificate, Uint8Array.of(0x30)]) {
      await expect(prove(server, asked, answering(body))).rejects.toMatchObject({
        name: 'HttpError',
      });
    }
  });

  test('R51 an EK without certificate, of an unknown vendor, or with the certificate of another is refused', async () => {
    const [swtpm, other] = tpms;
    const server = await startTestServer({ config: OPEN });
    const device = await createTpmDevice(swtpm.tpm);
    const stranger = await createTpmDevice(other.tpm);
    const unknown = await activate(server, await device.activateRequest());
    expect(unknown).toMatchObject({
      status: 403,
      text: expect.stringContaining('no trusted root'),
    });
    await trust(server, swtpm);
    const { ekCertificate, ekPublic } = await stranger.activateRequest();
    for (const [change, problem] of [
      [{ ekCertificate: new Uint8Array() }, 'certificate is needed'],
      [{ ekPublic }, 'for another key'],
      [{ ekCertificate, ekPublic }, 'endorsement certificate is refused'],
    ] as const) {
      const answer = await activate(server, await device.activateRequest(change));
      expect(answer).toMatchObject({ status: 403, text: expect.stringContaining(problem) });
    }
    expect(await server.store.listCertificates({ limit: 9, now: new Date() })).toEqual([]);
    expect(new Set(await auditActions(server.store))).toEqual(
      new Set(['enrollment-refused', 'vendor-certificate-added']),
    );
  });

  test('R51 no changed byte of EK certificate, creation, signature or public area is accepted', async () => {
    const [swtpm] = tpms;
    const server = await startTestServer({ config: OPEN });
    await trust(server, swtpm);
    const message = await (await createTpmDevice(swtpm.tpm)).activateRequest();
    await expect(prove(server, message)).resolves.toMatchObject({ method: 'tpm-activate' });
    for (const part of ['akAttestation', 'akSignature', 'akPublic', 'akCreateData'] as const) {
      for (const { bytes } of flipEachByte(message[part])) {
        await expect(prove(server, { ...message, [part]: bytes }), part).rejects.toMatchObject({
          name: 'HttpError',
        });
      }
    }
    for (const { bytes } of flipEachByte(message.ekCertificate)) {
      await expect(prove(server, { ...message, ekCertificate: bytes })).rejects.toMatchObject({
        name: 'HttpError',
      });
    }
  }, 120_000);

  test('R10 a key that is not restricted is no attestation key', async () => {
    const [swtpm] = tpms;
    const server = await startTestServer({ config: OPEN });
    await trust(server, swtpm);
    const device = await createTpmDevice(swtpm.tpm, { restricted: false });
    const answer = await activate(server, await device.activateRequest());
    expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('restricted') });
  });

  test('R49 a device keeps its EK and its AK, until the operator forgets it', async () => {
    const [swtpm, other] = tpms;
    const server = await startTestServer({ config: OPEN });
    await trust(server, swtpm);
    await trust(server, other);
    const device = await createTpmDevice(swtpm.tpm);
    const message = await device.activateRequest();
    expect((await activate(server, message)).status).toBe(200);
    const sameTpm = await createTpmDevice(swtpm.tpm);
    const otherTpm = await createTpmDevice(other.tpm);
    const ofOther = await otherTpm.activateRequest();
    const { ekPublic, ekCertificate } = ofOther;
    for (const change of [
      await sameTpm.activateRequest(),
      ofOther,
      { ...message, ekPublic, ekCertificate },
    ]) {
      const answer = await activate(server, change);
      expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('registered') });
    }
    const actions = await auditActions(server.store);
    expect(actions.filter((action) => action === 'enrollment-refused').length).toBeGreaterThan(2);
    await server.store.forgetDevice('device.example', new Date());
    expect((await activate(server, ofOther)).status).toBe(200);
  });

  test('R49 of two TPMs that come as one device at once, one is registered', async () => {
    const server = await startTestServer({ config: OPEN });
    const requests = await Promise.all(
      tpms.map(async (swtpm) => {
        await trust(server, swtpm);
        return await (await createTpmDevice(swtpm.tpm)).activateRequest();
      }),
    );
    const answers = await Promise.all(requests.map(async (each) => await activate(server, each)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 403]);
    expect(await server.store.listCertificates({ limit: 9, now: new Date() })).toHaveLength(1);
  });

  test('R47 a name that is not allowed, another key in the request, a name that is no device', async () => {
    const [swtpm] = tpms;
    const server = await startTestServer({ config: OPEN });
    await trust(server, swtpm);
    const wrong = await createTpmDevice(swtpm.tpm, { name: 'device.other' });
    expect((await activate(server, await wrong.activateRequest())).status).toBe(403);
    const device = await createTpmDevice(swtpm.tpm);
    const { csr } = await wrong.activateRequest();
    const swapped = await activate(server, await device.activateRequest({ csr }));
    expect(swapped).toMatchObject({ status: 403, text: expect.stringContaining('another key') });
    expect(await server.store.attestationKey(toHex(wrong.ak.name))).toBeUndefined();
  });

  test('R47 only an attestation key whose activation is proved certifies others', async () => {
    const [swtpm] = tpms;
    const server = await startTestServer({ config: OPEN });
    await trust(server, swtpm);
    const device = await createTpmDevice(swtpm.tpm);
    const der = await opened(device, await activate(server, await device.activateRequest()));
    const other = await createTpmDevice(swtpm.tpm, { name: 'other.example' });
    // A certificate is issued for it, and not opened.
    expect((await activate(server, await other.activateRequest())).status).toBe(200);
    const never = await createTpmDevice(swtpm.tpm, { name: 'third.example' });
    const good = await device.certifyRequest(der);
    const swapped = await device.certifyRequest(der);
    for (const [message, problem] of [
      [await other.certifyRequest(der), 'not the one that was issued'],
      [await never.certifyRequest(der), 'has to be activated'],
      [{ ...good, report: reportWith(der, 'SW Evidence') }, 'no certificate of a TPM key'],
      [{ ...good, csr: swapped.csr }, 'another key'],
      [{ ...good, ikPublic: swapped.ikPublic }, 'object-name'],
      [{ ...good, akPublic: other.ak.publicArea }, 'signature'],
      [{ ...good, ikSignature: swapped.ikSignature }, 'signature'],
    ] as const) {
      const answer = await certify(server, message);
      expect(answer).toMatchObject({ status: 403, text: expect.stringContaining(problem) });
    }
    expect((await certify(server, good)).status).toBe(200);
  });

  test('R47 as it is by default, the report is verified: a quote of the same TPM, for this key, once', async () => {
    const [swtpm, other] = tpms;
    const server = await startTestServer({ config: { allowedNames: ['{prover}'] } });
    await trust(server, swtpm);
    await trust(server, other);
    const device = await createTpmDevice(swtpm.tpm);
    const stranger = await createTpmDevice(other.tpm, { name: 'other.example' });
    const chainOf = async (each: TpmDevice): Promise<readonly Uint8Array[]> => {
      const der = await opened(each, await activate(server, await each.activateRequest()));
      return [der, ...(await server.client().caCerts()).map(({ raw }) => raw)];
    };
    const chain = await chainOf(device);
    const chainOfStranger = await chainOf(stranger);
    const message = await device.certifyRequest(new Uint8Array());
    const { spki } = parseCsr(message.csr);
    const attempt = async (options: ReportOptions): Promise<Answer> => {
      const fresh = (await server.client().nonce())?.nonce ?? new Uint8Array();
      const { serverNonce = fresh } = options;
      const report = await server.report(spki, { components: [MEASURED], ...options, serverNonce });
      const header = { [NONCE_HEADER]: toBase64(serverNonce) };
      return await certify(server, { ...message, report }, header);
    };
    const good = device.measurer(chain);
    expect(await attempt({ measurers: [] })).toMatchObject({ status: 403 });
    // The other machine is in a good state: its report says nothing about this one.
    const relayed = await attempt({ measurers: [stranger.measurer(chainOfStranger)] });
    expect(relayed).toMatchObject({ status: 403, text: expect.stringContaining('not the one') });
    const mixed = await attempt({ measurers: [stranger.measurer(chain)] });
    expect(mixed).toMatchObject({ status: 403 });
    const renamed = await attempt({ measurers: [good], name: 'other.example' });
    expect(renamed).toMatchObject({ status: 403 });
    const unknown = await attempt({ measurers: [good], components: [] });
    expect(unknown).toMatchObject({ status: 403, text: expect.stringContaining('kernel') });
    const stale = await attempt({ measurers: [good], serverNonce: new Uint8Array(32) });
    expect(stale).toMatchObject({ status: 403 });
    const serverNonce = (await server.client().nonce())?.nonce;
    const once = { measurers: [good], ...(serverNonce === undefined ? {} : { serverNonce }) };
    expect(await attempt(once)).toMatchObject({ status: 200 });
    expect(await attempt(once)).toMatchObject({ status: 403 });
    const records = await server.store.listCertificates({ limit: 9, now: new Date() });
    expect(records.map(({ method }) => method)).toEqual([
      'tpm-activate',
      'tpm-activate',
      'tpm-certify',
    ]);
  });

  test('R47 a revoked attestation key, or endorsement key, certifies no others', async () => {
    const [swtpm] = tpms;
    const server = await startTestServer({ config: OPEN });
    await trust(server, swtpm);
    const device = await createTpmDevice(swtpm.tpm);
    const der = await opened(device, await activate(server, await device.activateRequest()));
    const key = await server.store.attestationKey(toHex(device.ak.name));
    const revokedEks = join(temporaryFolder(), 'revoked.txt');
    writeFileSync(revokedEks, `# stolen\n${key?.ekSha256} # node 7\n`);
    const strict = await startTestServer({
      config: { ...OPEN, database: server.config.database, revokedEks: [revokedEks] },
    });
    const ofRevoked = await certify(strict, await device.certifyRequest(der));
    expect(ofRevoked).toMatchObject({ status: 403, text: expect.stringContaining('revoked') });
    const again = await activate(strict, await device.activateRequest());
    expect(again).toMatchObject({ status: 403, text: expect.stringContaining('revoked') });
    expect((await certify(server, await device.certifyRequest(der))).status).toBe(200);
    const [record] = await server.store.listCertificates({ limit: 1, now: new Date() });
    await server.store.revokeCertificate(record?.serial ?? '', 'superseded', new Date());
    const ofAk = await certify(server, await device.certifyRequest(der));
    expect(ofAk).toMatchObject({ status: 403, text: expect.stringContaining('revoked') });
  });

  test('with verifyEkCert off any EK is taken, which is logged and audited at start and for each', async () => {
    const [swtpm] = tpms;
    const logged: string[] = [];
    const log = (_: object, text: string): void => void logged.push(text);
    const server = await startTestServer({
      config: { ...OPEN, verifyEkCert: false },
      logger: { ...silentLogger, error: log, warn: log },
    });
    const device = await createTpmDevice(swtpm.tpm);
    const ekCertificate = new Uint8Array();
    const answer = await activate(server, await device.activateRequest({ ekCertificate }));
    expect(answer.status).toBe(200);
    expect(logged).toEqual([
      expect.stringContaining('verifyEkCert is off'),
      expect.stringContaining('may be software'),
    ]);
    expect((await auditActions(server.store)).slice(0, 2)).toEqual([
      'ek-verification-off',
      'ek-not-verified',
    ]);
  });
});
