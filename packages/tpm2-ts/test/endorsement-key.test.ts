import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteReader, ByteWriter, concatBytes, encodeUtf8, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import {
  activateCredential,
  isTpmResponse,
  keyTemplate,
  openEndorsementKey,
  readEkCertificate,
  TPM_HT,
} from '../src/index.ts';
import {
  decodeTpmtPublic,
  EK_TEMPLATES,
  type EkTemplate,
  ekPublicArea,
  ekTemplate,
  encodeTpmtPublic,
  makeCredential,
  publicAreaToSpki,
  verifyQuote,
} from '../src/verify/index.ts';
import { loadAk } from './support/attestation-key.ts';
import { isSwtpmMissing, isTpmToolsMissing, type Swtpm, startSwtpm } from './support/swtpm.ts';
import { pcrsOf } from './support/vectors.ts';

describe.skipIf(isSwtpmMissing)('endorsement keys of a manufactured TPM', () => {
  test('certificates are in the NV memory and name the key of the template', async () => {
    await using swtpm = await startSwtpm({ ek: true });
    await using tpm = await swtpm.open();
    for (const id of ['L-1', 'H-3'] as const) {
      const der = await readEkCertificate(tpm, ekTemplate(id));
      const certificate = new X509Certificate(der ?? new Uint8Array());
      const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
      await using ek = await openEndorsementKey(tpm, ekTemplate(id));
      expect(toHex(publicAreaToSpki(ek.public))).toBe(toHex(spki));
      expect(toHex(encodeTpmtPublic(ekPublicArea(new Uint8Array(spki))))).toBe(
        toHex(ek.publicArea),
      );
    }
    expect(await readEkCertificate(tpm, ekTemplate('H-4'))).toBeUndefined();
    // The endorsement primary seed gives the persistent key again.
    await using made = await tpm.createPrimary('endorsement', {
      template: ekTemplate('L-1').publicArea,
    });
    const kept = await openEndorsementKey(tpm, ekTemplate('L-1'));
    expect(made.name).toEqual(kept.name);
  });

  // swtpm 0.7 has no RSA keys of more than 3072 bits.
  const templates = EK_TEMPLATES.filter(({ id }) => id !== 'H-7');
  test('a credential for each template is opened under its policy, once, and nowhere else', async () => {
    await using swtpm = await startSwtpm({ ek: true });
    await using tpm = await swtpm.open();
    await using ak = await loadAk(tpm);
    const opened: EkTemplate['id'][] = [];
    for (const template of templates) {
      await using ek = await openEndorsementKey(tpm, template);
      const secret = new Uint8Array(randomBytes(32));
      const credential = await makeCredential({ ek: ek.public, name: ak.name, credential: secret });
      expect(await activateCredential(tpm, ak, ek, credential)).toEqual(secret);
      const broken = credential.credentialBlob.slice();
      broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
      await expect(
        activateCredential(tpm, ak, ek, { ...credential, credentialBlob: broken }),
      ).rejects.toSatisfy((error) => isTpmResponse(error, 'INTEGRITY'));
      opened.push(template.id);
    }
    expect(opened).toEqual(['L-1', 'L-2', 'H-1', 'H-2', 'H-3', 'H-4', 'H-6']);
    expect(await tpm.capabilities.handles(TPM_HT.LOADED_SESSION)).toEqual([]);
  }, 60_000);
});

describe.skipIf(isTpmToolsMissing)('tpm2-tools', () => {
  const write = (swtpm: Swtpm, name: string, bytes: Uint8Array): string => {
    const path = join(swtpm.folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const read = (swtpm: Swtpm, name: string): Uint8Array =>
    new Uint8Array(readFileSync(join(swtpm.folder, name)));

  test('tpm2_checkquote accepts our quotes', async () => {
    await using swtpm = await startSwtpm();
    for (const scheme of ['ECDSA', 'RSASSA'] as const) {
      const tpm = await swtpm.open();
      const template = keyTemplate({
        key: scheme === 'ECDSA' ? 'P-256' : 2048,
        restricted: true,
        scheme: { scheme, hash: 'SHA-256' },
      });
      await using ak = await tpm.createPrimary('owner', { template });
      const pcrs = [0, 1, 7, 16];
      const nonce = encodeUtf8('nonce of a verifier');
      const { attest, signature } = await tpm.quote(ak, {
        qualifyingData: nonce,
        pcrs: [{ bank: 'SHA-256', pcrs }],
      });
      const values = [...(await tpm.pcrs.read('SHA-256', pcrs)).values()];
      const spki = Buffer.from(publicAreaToSpki(ak.public)).toString('base64');
      await tpm.close();
      write(swtpm, 'attest', attest);
      write(swtpm, 'signature', signature);
      write(swtpm, 'pcrs', concatBytes(...values));
      const pem = `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`;
      write(swtpm, 'ak.pem', encodeUtf8(pem));
      const args = ['-u', 'ak.pem', '-m', 'attest', '-s', 'signature', '-g', 'sha256'];
      const withPcrs = [...args, '-f', 'pcrs', '-l', 'sha256:0,1,7,16'];
      expect(swtpm.tool('tpm2_checkquote', ...withPcrs, '-q', toHex(nonce))).toContain('pcrs');
      expect(() => swtpm.tool('tpm2_checkquote', ...withPcrs, '-q', '00')).toThrow();
    }
  });

  test('we accept quotes of tpm2_quote', async () => {
    await using swtpm = await startSwtpm({ ek: true });
    const { tool } = swtpm;
    tool('tpm2_createek', '-c', '0x81010005', '-G', 'rsa', '-u', 'ek.pub');
    tool('tpm2_createak', ...'-C 0x81010005 -c ak.ctx -G ecc -g sha256 -s ecdsa'.split(' '));
    tool('tpm2_flushcontext', '-t');
    tool('tpm2_readpublic', ...'-c ak.ctx -f tpmt -o ak.tpmt'.split(' '));
    tool('tpm2_flushcontext', '-t');
    const listed = tool('tpm2_pcrread', 'sha256:0,7,16');
    tool(
      'tpm2_quote',
      ...'-c ak.ctx -l sha256:0,7,16 -q 00112233 -m attest -s signature -g sha256'.split(' '),
    );
    const values = Object.fromEntries(
      [...listed.matchAll(/^ +(\d+) *: 0x([0-9A-F]+)$/gm)].map(([, pcr, hex]) => [pcr, hex ?? '']),
    );
    expect(Object.keys(values)).toEqual(['0', '7', '16']);
    const { ok, checks } = await verifyQuote({
      attest: read(swtpm, 'attest'),
      signature: read(swtpm, 'signature'),
      key: { publicArea: tpmtOf(read(swtpm, 'ak.tpmt')) },
      nonce: Uint8Array.of(0x00, 0x11, 0x22, 0x33),
      pcrs: pcrsOf({ sha256: values as Record<string, string> }),
      requiredPcrs: [0, 7, 16],
    });
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
  });

  test('credentials: theirs for our activate, ours for theirs', async () => {
    await using swtpm = await startSwtpm({ ek: true });
    const { tool } = swtpm;
    const secret = new Uint8Array(randomBytes(32));
    write(swtpm, 'secret', secret);
    for (const [algorithm, handle] of [
      ['rsa', '0x81010005'],
      ['ecc', '0x81010006'],
    ] as const) {
      tool('tpm2_createek', '-c', handle, '-G', algorithm, '-u', 'ek.pub', '-f', 'tpmt');
      const akType = '-G ecc -g sha256 -s ecdsa -u ak.pub -r ak.priv -n ak.name -f tpmt';
      tool('tpm2_createak', '-C', handle, '-c', 'ak.ctx', ...akType.split(' '));
      tool('tpm2_flushcontext', '-t');
      const name = read(swtpm, 'ak.name');
      const ek = decodeTpmtPublic(tpmtOf(read(swtpm, 'ek.pub')));

      const ours = await makeCredential({ ek, name, credential: secret });
      // Magic and version of the file format, then TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET.
      const file = new ByteWriter()
        .u32(0xbadcc0de)
        .u32(1)
        .sized16(ours.credentialBlob)
        .sized16(ours.secret);
      write(swtpm, 'ours.blob', file.finish());
      tool('tpm2_startauthsession', ...'--policy-session -S session.ctx'.split(' '));
      tool('tpm2_policysecret', ...'-S session.ctx -c e'.split(' '));
      tool(
        'tpm2_activatecredential',
        ...`-c ak.ctx -C ${handle} -i ours.blob -o opened -P session:session.ctx`.split(' '),
      );
      tool('tpm2_flushcontext', 'session.ctx');
      tool('tpm2_flushcontext', '-t');
      expect(read(swtpm, 'opened')).toEqual(secret);

      const persistent = 0x8100_0100;
      {
        await using tpm = await swtpm.open();
        await using ak = await loadAk(tpm);
        await tpm.evictControl('owner', ak, persistent);
        write(swtpm, 'our-ak.name', ak.name);
      }
      write(swtpm, 'ek.tpm2b', new ByteWriter().sized16(encodeTpmtPublic(ek)).finish());
      const ourName = toHex(read(swtpm, 'our-ak.name'));
      tool(
        'tpm2_makecredential',
        ...`-T none -u ek.tpm2b -s secret -n ${ourName} -o theirs.blob`.split(' '),
      );
      const blob = new ByteReader(read(swtpm, 'theirs.blob'), 'file');
      expect([blob.u32(), blob.u32()]).toEqual([0xbadcc0de, 1]);
      const theirs = { credentialBlob: blob.sized16(1024), secret: blob.sized16(1024) };
      await using tpm = await swtpm.open();
      const ak = await tpm.openPersistent(persistent);
      const ekObject = await tpm.openPersistent(Number(handle));
      expect(await activateCredential(tpm, ak, ekObject, theirs)).toEqual(secret);
      await tpm.evictControl('owner', ak, ak.handle);
    }
  });
});

/** tpm2-tools write TPMT_PUBLIC, some versions with the size of a TPM2B in front. */
function tpmtOf(bytes: Uint8Array): Uint8Array {
  const size = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  return size === bytes.length - 2 ? bytes.subarray(2) : bytes;
}
