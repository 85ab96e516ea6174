import {
  createHash,
  randomBytes,
  randomUUID,
  verify as verifySignature,
  X509Certificate,
} from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cmc } from '@cmc/api';
import type { AttestationResult, Component, Serialization } from '@cmc/attestationreport';
import { decodeReport } from '@cmc/attestationreport/codec';
import { createSwDriver, openContainerLog } from '@cmc/driver-sw';
import { createFakeCa, fakeSigner } from '@cmc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type CmcOptions,
  createCmc,
  createLocalEnroller,
  createMetadataSource,
  type Enroller,
  type LocalCmc,
  openMetadataVersions,
  openPeerCache,
} from '../../src/index.ts';
import { createWorld, inDays, type World } from '../support/world.ts';

const PEER = 'ab'.repeat(32);

function nonce(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

async function cmcOf(world: World, options: Partial<CmcOptions> = {}): Promise<LocalCmc> {
  const containerLog = openContainerLog({ path: join(world.folder, 'container-log.json') });
  await containerLog.append(world.event);
  const { certificate, key } = world.ca;
  const cmc = await createCmc({
    metadataRoots: world.roots,
    measurers: [await createSwDriver({ containerLog })],
    containerLog,
    metadata: await createMetadataSource({ locations: [`file://${world.metadataFolder}`] }),
    keys: { enroller: createLocalEnroller({ ca: fakeSigner(key, [certificate]) }) },
    ...options,
  });
  onTestFinished(async () => await cmc[Symbol.asyncDispose]());
  return cmc;
}

async function attestAndVerify(
  prover: Cmc,
  verifier: Cmc,
  options: { peer?: string; cached?: readonly string[]; policies?: string } = {},
): Promise<AttestationResult> {
  const { peer, cached, policies } = options;
  const fresh = nonce();
  const { report } = await prover.attest({ nonce: fresh, ...(cached && { cached }) });
  const { result } = await verifier.verify({
    nonce: fresh,
    report,
    ...(peer !== undefined && { peer }),
    ...(policies !== undefined && { policies: new TextEncoder().encode(policies) }),
  });
  return result;
}

describe('attest and verify', () => {
  test.each(['json', 'cbor'] as const)('accepts its own report in %s', async (serialization) => {
    const cmc = await cmcOf(await createWorld({ serialization }), { name: 'prover.test' });
    const fresh = nonce();
    const { report } = await cmc.attest({ nonce: fresh }, { serialization });
    expect(decodeReport(report).serialization).toBe(serialization satisfies Serialization);
    const { result } = await cmc.verify({ nonce: fresh, report, peerAddr: '127.0.0.1:4443' });
    expect(result.summary).toMatchObject({ status: 'success' });
    expect(result.prover).toStrictEqual({ hostname: 'prover.test', ip: '127.0.0.1:4443' });
  });

  test('a report for another nonce is a result that says fail, not an error', async () => {
    const cmc = await cmcOf(await createWorld());
    const { report } = await cmc.attest({ nonce: nonce() });
    const { result } = await cmc.verify({ nonce: nonce(), report });
    expect(result.summary.status).toBe('fail');
  });

  test('bytes that are no report are a result that says fail', async () => {
    const cmc = await cmcOf(await createWorld());
    const { result } = await cmc.verify({ nonce: nonce(), report: Uint8Array.of(1, 2, 3) });
    expect(result.summary.status).toBe('fail');
  });

  test('a report below another CA fails', async () => {
    const prover = await cmcOf(await createWorld());
    const verifier = await cmcOf(await createWorld());
    expect((await attestAndVerify(prover, verifier)).summary.status).toBe('fail');
  });

  test('metadata that has expired fails, and is still sent', async () => {
    const cmc = await cmcOf(await createWorld({ notBefore: inDays(-2), notAfter: inDays(-1) }));
    expect(cmc.ownMetadata().items).toHaveLength(2);
    expect(cmc.ownMetadata().firstExpiry).toBeLessThan(Date.now());
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('fail');
  });

  test('the clock is the one it is given', async () => {
    const cmc = await cmcOf(await createWorld(), { now: () => new Date(Date.parse(inDays(400))) });
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('fail');
  });

  test('uses the hash it is told to', async () => {
    const cmc = await cmcOf(await createWorld(), { hashAlg: 'SHA-512' });
    const { report } = await cmc.attest({ nonce: nonce() });
    expect(decodeReport(report).report.context.alg).toBe('SHA-512');
    expect((await attestAndVerify(cmc, cmc, { peer: PEER })).summary.status).toBe('success');
    expect((await cmc.peerCache({ peer: PEER })).cache[0]).toHaveLength(128);
  });

  test.each<[string, (cmc: Cmc) => Promise<unknown>]>([
    ['a short nonce', (cmc) => cmc.attest({ nonce: new Uint8Array(7) })],
    ['a long nonce', (cmc) => cmc.attest({ nonce: new Uint8Array(65) })],
    ['a digest in upper case', (cmc) => cmc.attest({ nonce: nonce(), cached: ['AB'.repeat(32)] })],
    ['no report', (cmc) => cmc.verify({ nonce: nonce(), report: new Uint8Array(0) })],
    [
      'a peer that is a path',
      (cmc) => cmc.verify({ nonce: nonce(), report: Uint8Array.of(1), peer: '../../etc' }),
    ],
    ['a peer that is no digest', (cmc) => cmc.peerCache({ peer: 'peer' })],
    ['a key id that is a path', (cmc) => cmc.tlsCert({ keyId: '../ca' })],
  ])('refuses %s as a daemon does', async (_, call) => {
    const cmc = await cmcOf(await createWorld());
    await expect(call(cmc)).rejects.toMatchObject({ code: 'ERR_API_REQUEST' });
  });

  test('makes no report without a driver, and verifies all the same', async () => {
    const world = await createWorld();
    const verifier = await cmcOf(world, { measurers: [] });
    await expect(verifier.attest({ nonce: nonce() })).rejects.toMatchObject({
      code: 'ERR_CMCD_NO_DRIVER',
    });
    const result = await attestAndVerify(await cmcOf(world), verifier);
    expect(result.summary.status).toBe('success');
  });

  test('needs roots', async () => {
    await expect(createCmc({ metadataRoots: [] })).rejects.toThrow(RangeError);
  });

  test('R36 manifests that need a revocation status and have none fail', async () => {
    const world = await createWorld({ omspServer: 'https://omsp.test/' });
    const prover = await cmcOf(world);
    expect((await attestAndVerify(prover, prover)).summary.status).toBe('success');
    const verifier = await cmcOf(world, { checkOmsp: true });
    expect((await attestAndVerify(prover, verifier)).summary.status).toBe('fail');
  });
});

describe('peer cache', () => {
  test('R37 is written after a successful verification, and then metadata may be left out', async () => {
    const cmc = await cmcOf(await createWorld());
    expect((await cmc.peerCache({ peer: PEER })).cache).toStrictEqual([]);
    expect((await attestAndVerify(cmc, cmc, { peer: PEER })).summary.status).toBe('success');
    const { cache } = await cmc.peerCache({ peer: PEER });
    expect(cache).toHaveLength(2);
    const { report } = await cmc.attest({ nonce: nonce(), cached: cache });
    expect(decodeReport(report).report.context.metadata ?? new Map()).toStrictEqual(new Map());
    const again = await attestAndVerify(cmc, cmc, { peer: PEER, cached: cache });
    expect(again.summary.status).toBe('success');
  });

  test('R37 is not written after a failed verification', async () => {
    const cmc = await cmcOf(await createWorld());
    const { report } = await cmc.attest({ nonce: nonce() });
    await cmc.verify({ nonce: nonce(), report, peer: PEER });
    expect((await cmc.peerCache({ peer: PEER })).cache).toStrictEqual([]);
  });

  test('R37 is not kept for peers without a certificate, whose id is empty', async () => {
    const cmc = await cmcOf(await createWorld());
    expect((await attestAndVerify(cmc, cmc, { peer: '' })).summary.status).toBe('success');
    expect((await cmc.peerCache({ peer: '' })).cache).toStrictEqual([]);
    await attestAndVerify(cmc, cmc, { peer: PEER });
    const { cache } = await cmc.peerCache({ peer: PEER });
    const elided = await attestAndVerify(cmc, cmc, { peer: '', cached: cache });
    expect(elided.summary.status).toBe('fail');
  });

  test('R37 of one peer is not used for another', async () => {
    const cmc = await cmcOf(await createWorld());
    await attestAndVerify(cmc, cmc, { peer: PEER });
    const { cache } = await cmc.peerCache({ peer: PEER });
    const other = await attestAndVerify(cmc, cmc, { peer: 'cd'.repeat(32), cached: cache });
    expect(other.summary.status).toBe('fail');
  });

  test('R37 items are verified again each time: what has expired fails', async () => {
    let days = 0;
    const now = (): Date => new Date(Date.parse(inDays(days)));
    const cmc = await cmcOf(await createWorld({ notAfter: inDays(10) }), { now });
    await attestAndVerify(cmc, cmc, { peer: PEER });
    const { cache } = await cmc.peerCache({ peer: PEER });
    days = 11;
    const later = await attestAndVerify(cmc, cmc, { peer: PEER, cached: cache });
    expect(later.summary.status).toBe('fail');
  });

  test('a cached item that was changed on disk fails once and is sent again afterwards', async () => {
    const world = await createWorld();
    const directory = join(world.folder, 'peers');
    const cmc = await cmcOf(world, { peerCache: await openPeerCache({ directory }) });
    await attestAndVerify(cmc, cmc, { peer: PEER });
    const before = (await cmc.peerCache({ peer: PEER })).cache;
    writeFileSync(join(directory, PEER, before[0] ?? ''), 'changed');
    const once = await attestAndVerify(cmc, cmc, { peer: PEER, cached: before });
    expect(once.summary.status).toBe('fail');
    const { cache } = await cmc.peerCache({ peer: PEER });
    expect(cache).toHaveLength(1);
    const again = await attestAndVerify(cmc, cmc, { peer: PEER, cached: cache });
    expect(again.summary.status).toBe('success');
    expect(new Set((await cmc.peerCache({ peer: PEER })).cache)).toStrictEqual(new Set(before));
  });

  test('a cache that cannot be written does not change the verdict', async () => {
    const world = await createWorld();
    const directory = join(world.folder, 'peers');
    const peerCache = await openPeerCache({ directory });
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'in the way');
    const cmc = await cmcOf(world, { peerCache });
    expect((await attestAndVerify(cmc, cmc, { peer: PEER })).summary.status).toBe('success');
  });
});

describe('versions of metadata', () => {
  async function olderAfterNewer(options: Partial<CmcOptions>): Promise<AttestationResult> {
    const world = await createWorld({ version: inDays(-1) });
    const old = await cmcOf(world);
    for (const [name, item] of [
      ['manifest', await world.manifest()],
      ['image', await world.imageDescription()],
    ] as const) {
      writeFileSync(join(world.metadataFolder, name), item);
    }
    const current = await cmcOf(world);
    const verifier = await cmcOf(world, options);
    expect((await attestAndVerify(old, verifier)).summary.status).toBe('success');
    expect((await attestAndVerify(current, verifier)).summary.status).toBe('success');
    return await attestAndVerify(old, verifier);
  }

  test('R35 refuses metadata older than what it accepted before', async () => {
    expect((await olderAfterNewer({})).summary.status).toBe('fail');
  });

  test('R35 lets old metadata pass only when told to', async () => {
    const result = await olderAfterNewer({ metadataVersions: false });
    expect(result.summary.status).toBe('success');
  });

  test('R35 remembers over a restart', async () => {
    const world = await createWorld({ version: inDays(-1) });
    const file = join(world.folder, 'versions.json');
    const old = await cmcOf(world);
    writeFileSync(join(world.metadataFolder, 'manifest'), await world.manifest());
    const current = await cmcOf(world);
    const first = await cmcOf(world, { metadataVersions: await openMetadataVersions({ file }) });
    expect((await attestAndVerify(current, first)).summary.status).toBe('success');
    const second = await cmcOf(world, { metadataVersions: await openMetadataVersions({ file }) });
    expect((await attestAndVerify(old, second)).summary.status).toBe('fail');
  });
});

describe('policies', () => {
  const ACCEPT = 'true';
  const DENY = 'false';

  test('a policy that denies makes the verification fail', async () => {
    const cmc = await cmcOf(await createWorld());
    const accepted = await attestAndVerify(cmc, cmc, { policies: ACCEPT });
    expect(accepted.summary.status).toBe('success');
    const denied = await attestAndVerify(cmc, cmc, { policies: DENY });
    expect(denied.summary.status).toBe('fail');
  });

  test('R38 without an engine a report that comes with a policy fails', async () => {
    const cmc = await cmcOf(await createWorld(), { policyEngine: false });
    const result = await attestAndVerify(cmc, cmc, { policies: ACCEPT });
    expect(result.summary.status).toBe('fail');
  });

  test('R39 an engine that breaks makes the verification fail, and nothing is cached', async () => {
    const policyEngine = {
      evaluate: async () => {
        throw new Error('broken');
      },
    };
    const cmc = await cmcOf(await createWorld(), { policyEngine });
    const result = await attestAndVerify(cmc, cmc, { policies: ACCEPT, peer: PEER });
    expect(result.summary.status).toBe('fail');
    expect((await cmc.peerCache({ peer: PEER })).cache).toStrictEqual([]);
  });

  test('a policy replaces a verdict only when that is allowed', async () => {
    const world = await createWorld({ notBefore: inDays(-2), notAfter: inDays(-1) });
    const policy = 'const r = JSON.parse(json); r.summary.status = "success"; JSON.stringify(r)';
    const strict = await cmcOf(world);
    const denied = await attestAndVerify(strict, strict, { policies: policy });
    expect(denied.summary.status).toBe('fail');
    const lenient = await cmcOf(world, { policyOverwrite: true });
    const overwritten = await attestAndVerify(lenient, lenient, { policies: policy });
    expect(overwritten.summary.status).not.toBe('fail');
  });
});

describe('TLS keys', () => {
  const keyConfig = {
    type: 'sw',
    alg: 'EC256',
    cn: 'localhost',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  } as const;

  test('are made, certified, and sign', async () => {
    const cmc = await cmcOf(await createWorld());
    const { keyId } = await cmc.tlsCreate({ keyConfig });
    const { certificate } = await cmc.tlsCert({ keyId });
    expect(certificate).toHaveLength(2);
    const leaf = new X509Certificate(certificate[0] ?? '');
    expect(leaf.checkHost('localhost')).toBe('localhost');
    const content = new Uint8Array(createHash('sha256').update('x').digest());
    const { signedContent } = await cmc.tlsSign({ keyId, content, hashAlg: 'SHA-256' });
    expect(verifySignature('sha256', Buffer.from('x'), leaf.publicKey, signedContent)).toBe(true);
  });

  test('an enroller gets a report over the hash of the key that verifies', async () => {
    const world = await createWorld();
    const ca = createFakeCa();
    const local = createLocalEnroller({ ca: fakeSigner(ca.key, [ca.certificate]) });
    let verdict: string | undefined;
    const enroller: Enroller = {
      enroll: async (request) => {
        const wanted = nonce();
        const report = await request.report(wanted);
        const { result } = await cmc.verify({ nonce: wanted, report });
        verdict = result.summary.status;
        return await local.enroll(request);
      },
    };
    const cmc = await cmcOf(world, { keys: { enroller } });
    await cmc.tlsCreate({ keyConfig });
    expect(verdict).toBe('success');
  });

  test('are refused without an enroller', async () => {
    const world = await createWorld();
    const cmc = await createCmc({ metadataRoots: world.roots });
    onTestFinished(async () => await cmc[Symbol.asyncDispose]());
    const refused = { code: 'ERR_CMCD_NO_KEYS' };
    await expect(cmc.tlsCreate({ keyConfig })).rejects.toMatchObject(refused);
    await expect(cmc.tlsCert({ keyId: randomUUID() })).rejects.toMatchObject(refused);
  });
});

describe('measurements', () => {
  test('are recorded once, and an unknown container then makes verification fail', async () => {
    const world = await createWorld();
    const cmc = await cmcOf(world);
    const names = (): string[] => {
      const log = JSON.parse(readFileSync(join(world.folder, 'container-log.json'), 'utf8'));
      return log.events.map((event: Component) => event.name);
    };
    expect(await cmc.measure({ event: world.event })).toStrictEqual({ success: true });
    expect(names()).toStrictEqual(['app']);
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('success');
    for (let i = 0; i < 2; i++) {
      expect(await cmc.measure({ event: world.unknownEvent })).toStrictEqual({ success: true });
    }
    expect(names()).toStrictEqual(['app', 'intruder']);
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('fail');
  });

  test('are refused without a hash, and nothing is recorded', async () => {
    const world = await createWorld();
    const cmc = await cmcOf(world);
    const { hashes: _, ...event } = world.unknownEvent;
    await expect(cmc.measure({ event })).rejects.toMatchObject({ code: 'ERR_CONTAINER_LOG_EVENT' });
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('success');
  });

  test('are refused without a container log', async () => {
    const world = await createWorld();
    const cmc = await createCmc({ metadataRoots: world.roots });
    await expect(cmc.measure({ event: world.event })).rejects.toMatchObject({
      code: 'ERR_CMCD_NO_CONTAINER_LOG',
    });
  });
});

describe('updates', () => {
  test('updateMetadata takes over what changed', async () => {
    const world = await createWorld();
    const cmc = await cmcOf(world);
    const before = cmc.ownMetadata().items;
    writeFileSync(
      join(world.metadataFolder, 'manifest'),
      await world.manifest({ version: inDays(1) }),
    );
    expect(await cmc.updateMetadata()).toStrictEqual({ success: true });
    expect(cmc.ownMetadata().items).not.toStrictEqual(before);
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('success');
  });

  test('updateMetadata keeps the old set when it fails', async () => {
    const world = await createWorld();
    const cmc = await cmcOf(world);
    const before = cmc.ownMetadata();
    rmSync(world.metadataFolder, { recursive: true });
    await expect(cmc.updateMetadata()).rejects.toMatchObject({ code: 'ERR_METADATA_LOCATION' });
    expect(cmc.ownMetadata()).toBe(before);
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('success');
  });

  test('files that are no metadata are left out, and the newest of several versions is taken', async () => {
    const world = await createWorld();
    writeFileSync(join(world.metadataFolder, 'README'), 'hello');
    writeFileSync(join(world.metadataFolder, 'old'), await world.manifest({ version: inDays(-5) }));
    const cmc = await cmcOf(world);
    expect(readdirSync(world.metadataFolder)).toHaveLength(4);
    expect(cmc.ownMetadata().items).toHaveLength(2);
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('success');
  });

  test('updateCerts replaces the key of the driver', async () => {
    const cmc = await cmcOf(await createWorld());
    const key = async (): Promise<Uint8Array | null | undefined> => {
      const { report } = await cmc.attest({ nonce: nonce() });
      return decodeReport(report).report.context.collateral?.[0]?.key;
    };
    const before = await key();
    expect(await cmc.updateCerts()).toStrictEqual({ success: true });
    expect(await key()).not.toStrictEqual(before);
    expect((await attestAndVerify(cmc, cmc)).summary.status).toBe('success');
  });

  test('updateCerts is refused without a driver', async () => {
    const world = await createWorld();
    const cmc = await createCmc({ metadataRoots: world.roots });
    await expect(cmc.updateCerts()).rejects.toMatchObject({ code: 'ERR_CMCD_NO_DRIVER' });
  });
});
