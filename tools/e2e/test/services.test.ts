import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload, verifySigned } from '@cmc/attestationreport/sign';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { encodeUtf8, silentLogger } from '@cmc/bytes';
import { createMetadataSource, fetchRevocation } from '@cmc/cmcd';
import { type ProvServer, startServer } from '@cmc/provserver';
import { createFakeCa, toPem } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

const OMSP_URL = 'https://localhost/omsp';

/** A server with metadata and revocation statements, and what a daemon that trusts its root sees. */
async function world() {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-services-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [metadata, omsp] = [join(folder, 'metadata'), join(folder, 'omsp')];
  mkdirSync(metadata);
  mkdirSync(omsp);
  const ca = createFakeCa();
  const issuer = await ca.issue({ isCa: true });
  const tls = await ca.issue({ dnsNames: ['localhost'], extendedKeyUsage: ['serverAuth'] });
  const signing = await ca.issue();
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const server: ProvServer = await startServer({
    estAddr: '127.0.0.1:0',
    estCaKey: file('ca.key', issuer.privateKeyPem),
    estCaChain: [file('ca.pem', issuer.chainPem)],
    tlsKey: file('tls.key', tls.privateKeyPem),
    tlsCaChain: [file('tls.pem', tls.chainPem)],
    rootCas: [file('root.pem', ca.pem)],
    database: `sqlite:${join(folder, 'prov.db')}`,
    httpFolder: metadata,
    omspUrl: OMSP_URL,
    omspFolder: omsp,
    omspKey: file('omsp.key', signing.privateKeyPem),
    omspCaChain: [file('omsp.pem', signing.chainPem)],
  });
  onTestFinished(async () => await server.close());
  const url = `https://localhost:${server.address.split(':')[1]}`;
  const put = async (name: string, members: object = {}): Promise<Uint8Array> => {
    const payload = encodeUtf8(JSON.stringify({ type: 'Manifest', name, ...members }));
    const item = await signPayload(payload, [signing.signer], 'json');
    writeFileSync(join(metadata, `.${name}`), item);
    renameSync(join(metadata, `.${name}`), join(metadata, name));
    return item;
  };
  const source = async (roots = [ca.pem]) =>
    await createMetadataSource({
      locations: [`${url}/metadata/`],
      cache: join(folder, 'cache'),
      roots,
    });
  return { ca, url, metadata, omsp, put, source, server };
}

/** The server looks at its folder once in a second. */
async function nextSnapshot(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1100));
}

describe('metadata of a provisioning server', () => {
  test('R35 a daemon has one state of it: the last whole one when there is no new one', async () => {
    const { metadata, put, source, server } = await world();
    const items = [await put('a'), await put('b')];
    const daemon = await source();
    expect(await daemon.load()).toStrictEqual(items);
    const newer = await put('a', { version: '2' });
    await put('c');
    writeFileSync(join(metadata, 'huge'), new Uint8Array(16 * 1024 * 1024 + 1));
    await nextSnapshot();
    expect(await daemon.load()).toStrictEqual(items);
    rmSync(join(metadata, 'huge'));
    rmSync(join(metadata, 'c'));
    await nextSnapshot();
    expect(await daemon.load()).toStrictEqual([newer, items[1]]);
    await server.close();
    expect(await (await source()).load()).toStrictEqual([newer, items[1]]);
  });

  test('comes from no server under another root', async () => {
    const { put, source } = await world();
    await put('a');
    const daemon = await source([createFakeCa().pem]);
    await expect(daemon.load()).rejects.toMatchObject({ code: 'ERR_METADATA_UNAVAILABLE' });
  });
});

test.each(['json', 'cbor'] as const)(
  'R36 what the operator says of a manifest is in the next statement, in %s',
  async (serialization) => {
    const { ca, url, omsp, put } = await world();
    const item = await put('a', { omspServer: `${url}/omsp` });
    const hash = createHash('sha256').update(item).digest('hex');
    const said = async () => {
      const [statement = new Uint8Array()] = await fetchRevocation([item], {
        hashAlg: 'SHA-256',
        serialization,
        roots: [toPem(ca.certificate)],
        logger: silentLogger,
      });
      const trust = { roots: [parseCertificate(ca.certificate)] };
      const { ok, payload } = await verifySigned(statement, { trust, now: new Date() });
      expect(ok).toBe(true);
      const { responses } = decodeStruct(metadataSchema, payload ?? new Uint8Array()).value;
      return responses?.map(({ manifestHash, status }) => [manifestHash, status]);
    };
    expect(await said()).toStrictEqual([[hash, 'unknown']]);
    for (const status of ['good', 'revoked']) {
      writeFileSync(join(omsp, `${hash}.json`), JSON.stringify({ status }));
      expect(await said()).toStrictEqual([[hash, status]]);
    }
  },
);
