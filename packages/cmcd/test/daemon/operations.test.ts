import { createHash, randomBytes, verify as verifySignature, X509Certificate } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiName } from '@cmc/api';
import { decodeReport } from '@cmc/attestationreport/codec';
import { beforeAll, describe, expect, test } from 'vitest';
import { BUILD_TIMEOUT_MS, buildMain } from '../support/build.ts';
import { startProcess } from '../support/daemon-process.ts';
import { createWorld } from '../support/world.ts';

beforeAll(buildMain, BUILD_TIMEOUT_MS);

const PEER = 'ab'.repeat(32);

describe.each<[ApiName, string]>([
  ['socket', 'unix'],
  ['socket', 'tcp'],
  ['grpc', 'unix'],
  ['grpc', 'tcp'],
  ['coap', 'udp'],
])('daemon over %s (%s)', (api, network) => {
  test('does every operation', async () => {
    const world = await createWorld();
    const cmcAddr = network === 'unix' ? `unix://${join(world.folder, 's')}` : '127.0.0.1:0';
    const daemon = await startProcess(world, { api, cmcAddr });
    const client = await daemon.client(api);
    const nonce = new Uint8Array(randomBytes(32));

    const { report } = await client.attest({ nonce });
    expect(decodeReport(report).serialization).toBe('cbor');
    const { result } = await client.verify({ nonce, report, peer: PEER, peerAddr: '10.0.0.1:1' });
    expect(result.summary.status).toBe('success');
    expect(result.prover).toStrictEqual({
      hostname: 'prover.test',
      ip: '10.0.0.1:1',
      peerId: PEER,
    });

    const { cache } = await client.peerCache({ peer: PEER });
    expect([...cache].sort()).toStrictEqual(readdirSync(join(world.folder, 'peers', PEER)).sort());
    const elided = await client.attest({ nonce, cached: cache });
    expect(elided.report.length).toBeLessThan(report.length);
    const again = await client.verify({ nonce, report: elided.report, peer: PEER });
    expect(again.result.summary.status).toBe('success');

    const names = { cn: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
    const { keyId } = await client.tlsCreate({ keyConfig: { type: 'sw', alg: 'EC256', ...names } });
    const { certificate } = await client.tlsCert({ keyId });
    const leaf = new X509Certificate(certificate[0] ?? '');
    expect(leaf.verify(new X509Certificate(world.ca.certificate).publicKey)).toBe(true);
    const content = new Uint8Array(createHash('sha256').update('x').digest());
    const message = Buffer.from('x');
    const sign = { keyId, content, hashAlg: 'SHA-256' };
    for (const request of [sign, { ...sign, message }]) {
      const { signedContent } = await client.tlsSign(request);
      expect(verifySignature('sha256', message, leaf.publicKey, signedContent)).toBe(true);
    }
    await expect(client.tlsSign({ ...sign, message: Buffer.from('y') })).rejects.toMatchObject({
      remoteCode: 'ERR_KEY_DIGEST',
    });

    expect(await client.updateCerts()).toStrictEqual({ success: true });
    expect(await client.updateMetadata()).toStrictEqual({ success: true });
    expect(await client.measure({ event: world.unknownEvent })).toStrictEqual({ success: true });
    const intruded = await client.attest({ nonce });
    const refused = await client.verify({ nonce, report: intruded.report });
    expect(refused.result.summary.status).toBe('fail');

    expect(await daemon.stop()).toBe(0);
  });

  test('answers bad requests with the code of what is wrong, and goes on', async () => {
    const world = await createWorld();
    const cmcAddr = network === 'unix' ? `unix://${join(world.folder, 's')}` : '127.0.0.1:0';
    const daemon = await startProcess(world, { api, cmcAddr, enrollmentMode: 'local' });
    const client = await daemon.client(api);
    const names = { cn: 'bank.example', dnsNames: [], ipAddresses: [] };
    await expect(
      client.tlsCreate({ keyConfig: { type: 'sw', alg: 'EC256', ...names } }),
    ).rejects.toMatchObject({ remoteCode: 'ERR_ENROLL_NAME' });
    await expect(
      client.tlsCert({ keyId: '00000000-0000-4000-8000-000000000000' }),
    ).rejects.toMatchObject({ remoteCode: 'ERR_KEY_UNKNOWN' });
    await expect(client.attest({ nonce: new Uint8Array(4) })).rejects.toMatchObject({
      remoteCode: 'ERR_API_REQUEST',
    });
    expect((await client.attest({ nonce: new Uint8Array(8) })).report.length).toBeGreaterThan(0);
  });
});

describe('daemon with several APIs', () => {
  test('serves them at once, and counts calls by API, operation and outcome', async () => {
    const world = await createWorld();
    const daemon = await startProcess(world, {
      api: ['socket', 'grpc', 'coap'],
      cmcAddr: [`unix://${join(world.folder, 's')}`, '127.0.0.1:0', '127.0.0.1:0'],
      metricsAddr: '127.0.0.1:0',
    });
    const nonce = new Uint8Array(randomBytes(32));
    for (const api of ['socket', 'grpc', 'coap'] as const) {
      const client = await daemon.client(api);
      const { report } = await client.attest({ nonce });
      await client.verify({ nonce, report, peer: PEER });
      await client.verify({ nonce: new Uint8Array(8), report });
      await client.tlsCert({ keyId: '00000000-0000-4000-8000-000000000000' }).catch(() => {});
    }
    const keyConfig = {
      type: 'sw',
      alg: 'EC256',
      cn: 'localhost',
      dnsNames: [],
      ipAddresses: [],
    } as const;
    await (await daemon.client('socket')).tlsCreate({ keyConfig });
    const { address } = await daemon.logged('serving metrics');
    const metrics = await (await fetch(String(address))).text();
    for (const api of ['socket', 'grpc', 'coap']) {
      const counted = (operation: string, outcome: string): string =>
        `cmc_calls_total{api="${api}",operation="${operation}",outcome="${outcome}"} 1`;
      expect(metrics).toContain(counted('attest', 'success'));
      expect(metrics).toContain(counted('verify', 'success'));
      expect(metrics).toContain(counted('verify', 'fail'));
      expect(metrics).toContain(counted('tlsCert', 'ERR_KEY_UNKNOWN'));
      expect(metrics).toContain(
        `cmc_call_duration_seconds_count{api="${api}",operation="verify"} 2`,
      );
    }
    expect(metrics).toMatch(/^cmc_peer_cache_peers 1$/m);
    expect(metrics).toMatch(/^cmc_peer_cache_items 2$/m);
    expect(metrics).toMatch(/^cmc_peer_cache_bytes [1-9]\d+$/m);
    expect(metrics).toMatch(/^cmc_metadata_items 2$/m);
    const [, expiry] = /^cmc_metadata_expiry_timestamp_seconds (\S+)$/m.exec(metrics) ?? [];
    const inYears = (Number(expiry) * 1000 - Date.now()) / (365 * 86_400_000);
    expect(inYears).toBeGreaterThan(0.99);
    expect(inYears).toBeLessThanOrEqual(1);
    expect(metrics).toMatch(/^cmc_tls_keys 1$/m);
    expect(metrics).toMatch(/^cmc_tls_keys_pending 0$/m);
    expect(metrics).toMatch(/^cmc_tls_renewal_failures 0$/m);
    const [, tlsExpiry] =
      /^cmc_tls_certificate_expiry_timestamp_seconds (\S+)$/m.exec(metrics) ?? [];
    expect((Number(tlsExpiry) * 1000 - Date.now()) / 86_400_000).toBeCloseTo(180, 1);
    expect((await fetch(new URL('/other', String(address)))).status).toBe(404);
    expect(await daemon.stop()).toBe(0);
  });

  test('serves what the config file lists in apis', async () => {
    const world = await createWorld();
    const { api: _, cmcAddr: __, ...config } = world.config();
    const apis = [
      { api: 'grpc', address: '127.0.0.1:0' },
      { api: 'socket', address: join(world.folder, 's') },
    ] as const;
    const daemon = await startProcess({ ...world, config: (c) => ({ ...config, ...c }) }, { apis });
    for (const api of ['socket', 'grpc'] as const) {
      expect((await (await daemon.client(api)).peerCache({ peer: PEER })).cache).toStrictEqual([]);
    }
  });

  test('a report in JSON is made over a socket for who asks in JSON', async () => {
    const world = await createWorld();
    const daemon = await startProcess(world);
    const client = await daemon.client('socket');
    const nonce = new Uint8Array(32);
    const { report } = await client.attest({ nonce }, { serialization: 'json' });
    expect(decodeReport(report).serialization).toBe('json');
    const { result } = await client.verify({ nonce, report }, { serialization: 'json' });
    expect(result.summary.status).toBe('success');
  });
});
