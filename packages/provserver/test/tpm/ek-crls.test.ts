import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRevocationList, parseRevocationLists } from '@cmc/attestationreport/snp';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { type Logger, silentLogger } from '@cmc/bytes';
import { tpmActivateEnrollRequest } from '@cmc/est';
import {
  createFakeCa,
  createFakeKeySync,
  encodeFakeCrl,
  type FakeCa,
  type FakeCrlOptions,
  flipEachByte,
  toPem,
} from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { openChangingFiles } from '../../src/config/changing-files.ts';
import { createEkPolicy } from '../../src/tpm/ek-policy.ts';
import { readVendorPem } from '../../src/tpm/import-vendor-certificates.ts';
import { vendorChainProblem } from '../../src/tpm/vendor-chain.ts';
import { type Answer, startTestServer, type TestServer } from '../support/server.ts';
import { isSwtpmMissing, startSwtpm } from '../support/swtpm.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { createTpmDevice } from '../support/tpm-device.ts';

const DAY_MS = 86_400_000;
const NOW = new Date();
const at = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);
const ROOT = 'Vendor Root';
const ISSUER = 'Vendor Issuer';

interface Vendor {
  readonly root: FakeCa;
  readonly issuer: FakeCa;
  /** As the database has them. */
  readonly records: Awaited<ReturnType<typeof readVendorPem>>;
}

async function createVendor(issuerOptions: Parameters<FakeCa['issueCa']>[0] = {}): Promise<Vendor> {
  const root = createFakeCa({ commonName: ROOT });
  const issuer = await root.issueCa({ commonName: ISSUER, ...issuerOptions });
  const path = join(temporaryFolder(), 'vendor.pem');
  writeFileSync(path, root.pem + issuer.pem);
  return { root, issuer, records: await readVendorPem(path) };
}

/** A list of the issuer, in date, that names nobody. */
function list(
  { key }: Pick<FakeCa, 'key'>,
  changes: Partial<FakeCrlOptions> & { readonly days?: number } = {},
): Uint8Array {
  const { days = 7, ...rest } = changes;
  const issuer = { commonName: ISSUER };
  return encodeFakeCrl({ issuer, key, thisUpdate: at(-1), nextUpdate: at(days), ...rest });
}

const rootName = { issuer: { commonName: ROOT } };

async function problemOf(
  leaf: Uint8Array,
  { records }: Vendor,
  lists?: readonly Uint8Array[],
): Promise<string | undefined> {
  const vendorCertificates = async (subject?: string): Promise<Vendor['records']> =>
    records.filter((each) => each.subject === subject);
  const parsed = lists?.map(parseRevocationList);
  return await vendorChainProblem(parseCertificate(leaf), { vendorCertificates }, NOW, parsed);
}

describe('revocation lists of a vendor', () => {
  test('clear what they do not name, and refuse what they name, on each level', async () => {
    const vendor = await createVendor();
    const { root, issuer } = vendor;
    const { certificate: leaf } = await issuer.issue({ commonName: 'EK' });
    const serialOf = (der: Uint8Array): Uint8Array => parseCertificate(der).serialNumber;
    const other = Uint8Array.of(0x12, 0x34);
    const ofIssuer = list(issuer, { revoked: [other] });
    const ofRoot = list(root, rootName);
    expect(await problemOf(leaf, vendor)).toBeUndefined();
    for (const lists of [
      [ofIssuer],
      [ofIssuer, ofRoot],
      [ofIssuer, list(createFakeCa(), { issuer: { commonName: 'Other' }, days: -0.5 })],
    ]) {
      expect(await problemOf(leaf, vendor, lists)).toBeUndefined();
    }
    const revoked = list(issuer, { revoked: [other, serialOf(leaf)] });
    const revokedIssuer = list(root, { ...rootName, revoked: [serialOf(issuer.certificate)] });
    for (const [lists, reason] of [
      [[], 'no revocation list of'],
      [[ofRoot], 'no revocation list of'],
      [[revoked], 'is revoked'],
      [[ofIssuer, revoked], 'is revoked'],
      [[ofIssuer, revokedIssuer], 'is revoked'],
      [[list(issuer, { days: -0.5 })], 'the revocation list of'],
      [[list(issuer, { thisUpdate: at(2) })], 'the revocation list of'],
      [[ofIssuer, list(root, { ...rootName, days: -0.5 })], 'the revocation list of'],
      [[list(createFakeCa())], 'not signed by'],
      [[list(root)], 'not signed by'],
    ] as const) {
      expect(await problemOf(leaf, vendor, lists)).toContain(reason);
    }
  });

  test('count for nothing when one byte of them is another', async () => {
    const vendor = await createVendor();
    const { certificate: leaf } = await vendor.issuer.issue({ commonName: 'EK' });
    const good = list(vendor.issuer);
    expect(await problemOf(leaf, vendor, [good])).toBeUndefined();
    for (const { bytes, offset } of flipEachByte(good)) {
      const problem = await problemOf(leaf, vendor, [bytes]).catch((error: unknown) => error);
      expect(problem, `byte ${offset}`).toBeDefined();
    }
  });

  test('are not taken from an authority that may not sign them', async () => {
    const vendor = await createVendor({ keyUsage: ['certSign'] });
    const { certificate: leaf } = await vendor.issuer.issue({ commonName: 'EK' });
    const problem = await problemOf(leaf, vendor, [list(vendor.issuer)]);
    expect(problem).toContain('key usage does not allow to sign revocation lists');
  });
});

describe('the files of revocation lists', () => {
  const open = async (paths: readonly string[], logger: Logger) =>
    await openChangingFiles(paths, 'ekCrls', parseRevocationLists, logger);
  const [one, two] = [createFakeCa(), createFakeCa()].map((ca) => list(ca)) as [
    Uint8Array,
    Uint8Array,
  ];
  const signaturesOf = (
    lists: readonly { readonly signature: Uint8Array }[],
  ): readonly Uint8Array[] => lists.map(({ signature }) => signature);
  const expected = signaturesOf([one, two].map(parseRevocationList));

  test('are DER or PEM, and are read again when they change', async () => {
    const folder = temporaryFolder();
    const [der, pem] = [join(folder, 'a.crl'), join(folder, 'b.pem')];
    writeFileSync(der, one);
    writeFileSync(pem, `# of the vendor\n${toPem(one, 'X509 CRL')}${toPem(two, 'X509 CRL')}`);
    const errors: string[] = [];
    const error: Logger['error'] = (_, message) => void errors.push(message);
    const crls = await open([der, pem], { ...silentLogger, error });
    expect(signaturesOf(await crls.current())).toEqual([expected[0], ...expected]);
    writeFileSync(der, toPem(two, 'X509 CRL'));
    expect(signaturesOf(await crls.current())).toEqual([expected[1], ...expected]);
    expect(errors).toEqual([]);
    // Half of a file: what was there goes on, and the log says so.
    writeFileSync(der, two.subarray(0, 50));
    expect(signaturesOf(await crls.current())).toEqual([expected[1], ...expected]);
    expect(errors).toHaveLength(1);
    writeFileSync(der, one);
    expect(signaturesOf(await crls.current())).toEqual([expected[0], ...expected]);
  });

  test.each([
    ['that is cut off', one.subarray(0, -1)],
    ['of something else', toPem(one, 'CERTIFICATE')],
    ['without a list', ''],
  ])('%s is refused at the start', async (_, content) => {
    const path = join(temporaryFolder(), 'crl');
    writeFileSync(path, content);
    const code = 'ERR_PROV_CONFIG';
    await expect(open([path], silentLogger)).rejects.toMatchObject({ code });
  });

  test('are refused when they are missing, or where certificates are not verified', async () => {
    const path = join(temporaryFolder(), 'crl');
    const parts = { store: {}, logger: silentLogger, now: NOW } as never;
    const code = 'ERR_PROV_CONFIG';
    await expect(createEkPolicy({ ekCrls: [path] }, parts)).rejects.toMatchObject({ code });
    writeFileSync(path, one);
    expect((await createEkPolicy({ ekCrls: [path] }, parts)).crls).toBeDefined();
    const off = createEkPolicy({ ekCrls: [path], verifyEkCert: false }, parts);
    await expect(off).rejects.toMatchObject({ code });
  });
});

describe.skipIf(isSwtpmMissing)('a device with a software TPM', () => {
  /** A certificate like that of the TPM, by another vendor. */
  async function reissue(genuine: Certificate, issuer: FakeCa): Promise<Uint8Array> {
    const { spki, extensions } = genuine;
    const san = extensions.find(({ oid }) => oid === '2.5.29.17');
    const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    const { certificate } = await issuer.issue({
      commonName: 'EK',
      key: { ...createFakeKeySync(), publicKey },
      keyUsage: ['keyEncipherment'],
      extendedKeyUsage: ['2.23.133.8.1'],
      extensions: [{ oid: '2.5.29.17', critical: true, value: san?.value ?? new Uint8Array() }],
    });
    return certificate;
  }

  test('is enrolled while a list of its vendor clears it, and refused with the reason when none does', async () => {
    await using swtpm = await startSwtpm();
    const { issuer, records } = await createVendor();
    const path = join(temporaryFolder(), 'vendor.crl');
    writeFileSync(path, list(issuer));
    const config = { allowedNames: ['*.example'], ekCrls: [path] };
    const server = await startTestServer({ config });
    await server.store.addVendorCertificates(records, NOW);
    const device = await createTpmDevice(swtpm.tpm);
    const request = await device.activateRequest();
    const ekCertificate = await reissue(parseCertificate(request.ekCertificate), issuer);
    const activate = async (to: TestServer): Promise<Answer> => {
      const { contentType, body } = tpmActivateEnrollRequest.encode({ ...request, ekCertificate });
      const headers = { 'content-type': contentType };
      const target = '/.well-known/est/tpmactivateenroll';
      return await to.send({ method: 'POST', path: target, headers, body });
    };
    expect((await activate(server)).status).toBe(200);

    const { serialNumber } = parseCertificate(ekCertificate);
    writeFileSync(path, toPem(list(issuer, { revoked: [serialNumber] }), 'X509 CRL'));
    const revoked = await activate(server);
    expect(revoked).toMatchObject({ status: 403, text: expect.stringContaining('is revoked') });

    writeFileSync(path, list(issuer, { days: -0.5 }));
    const late = await activate(server);
    const reason = `the revocation list of CN=${ISSUER} is for`;
    expect(late).toMatchObject({ status: 403, text: expect.stringContaining(reason) });

    const lenient = await startTestServer({ config: { allowedNames: ['*.example'] } });
    await lenient.store.addVendorCertificates(records, NOW);
    expect((await activate(lenient)).status).toBe(200);
  });
});
