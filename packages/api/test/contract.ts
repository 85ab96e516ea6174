import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Serialization } from '@cmc/attestationreport';
import { CmcError } from '@cmc/bytes';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer, ServeOptions } from '../src/api-server.ts';
import type { ClientOptions, CmcClient } from '../src/client.ts';
import type { Cmc } from '../src/cmc.ts';
import { DIGEST, fakeCmc, KEY_ID, SAMPLE_EVENT, SAMPLE_RESULT } from './fake-cmc.ts';
import { MALFORMED } from './malformed.ts';

/** One transport, for {@link describeContract}. */
export interface ContractTransport {
  readonly name: string;
  /** A free address to listen on; `directory` is there for Unix sockets. */
  address(directory: string): string;
  serve(cmc: Cmc, options: ServeOptions): Promise<ApiServer>;
  connect(options: ClientOptions): CmcClient;
  /** Something that takes connections or datagrams and never says a word. */
  serveSilence(address: string): Promise<{ readonly address: string; close(): Promise<void> }>;
  /** Serializations of requests and reports; gRPC has no choice. */
  readonly serializations: readonly Serialization[];
  /** Whether the server learns that a client gave up. */
  readonly cancels: boolean;
  /** Longest report that is refused before it is sent. */
  readonly oversizedReport: number;
  /** Size of a report that must pass. Default 1.5 MiB. */
  readonly largeReport?: number;
}

const NONCE = Uint8Array.from({ length: 32 }, (_, index) => index);

/** What every transport must do, with the same outcome. */
export function describeContract(transport: ContractTransport): void {
  describe(`${transport.name}: contract`, () => {
    let directory: string;
    const disposables: { close(): Promise<void> }[] = [];
    const keep = <T extends { close(): Promise<void> }>(disposable: T): T => {
      disposables.unshift(disposable);
      return disposable;
    };
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'cmc-api-'));
    });
    afterEach(async () => {
      for (const disposable of disposables.splice(0)) await disposable.close();
      rmSync(directory, { recursive: true });
    });

    const start = async (
      cmc: Cmc,
      options: {
        callTimeoutMs?: number;
        maxCalls?: number;
        timeoutMs?: number;
        serialization?: Serialization;
      } = {},
    ): Promise<{ server: ApiServer; client: CmcClient }> => {
      const { timeoutMs, serialization, ...serveOptions } = options;
      const address = transport.address(directory);
      const server = await transport.serve(cmc, { address, ...serveOptions });
      keep({ close: () => server.close({ graceMs: 0 }) });
      const client = keep(
        transport.connect({
          address: server.address,
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
          ...(serialization === undefined ? {} : { serialization }),
        }),
      );
      return { server, client };
    };

    for (const serialization of transport.serializations) {
      test(`carries all nine operations, both ways, in ${serialization}`, async () => {
        const cmc = fakeCmc();
        const { client } = await start(cmc, { serialization });
        const attestation = { nonce: NONCE, cached: [DIGEST] };
        const verification = {
          nonce: NONCE,
          report: new Uint8Array([1, 2, 3]),
          peer: DIGEST,
          peerAddr: '192.0.2.1:443',
          policies: new TextEncoder().encode('true'),
        };
        const keyConfig = {
          type: 'sw',
          alg: 'EC256',
          cn: 'localhost',
          dnsNames: ['localhost', '*.example.org'],
          ipAddresses: ['127.0.0.1', '::1'],
        } as const;
        const sign = {
          keyId: KEY_ID,
          content: new Uint8Array(32).fill(9),
          hashAlg: 'SHA-256',
          message: new Uint8Array(130).fill(8),
          scheme: 'rsa-pss',
        } as const;

        expect(await client.attest(attestation)).toEqual({ report: NONCE });
        expect(await client.verify(verification)).toEqual({ result: SAMPLE_RESULT });
        expect(await client.tlsCreate({ keyConfig })).toEqual({ keyId: KEY_ID });
        expect(await client.tlsSign(sign)).toEqual({ signedContent: sign.content });
        const { certificate } = await client.tlsCert({ keyId: KEY_ID });
        expect(certificate.map((pem) => new TextDecoder().decode(pem))).toEqual([
          '-----LEAF-----\n',
          '-----CA-----\n',
        ]);
        expect(await client.peerCache({ peer: DIGEST })).toEqual({
          cache: [DIGEST, 'cd'.repeat(48)],
        });
        expect(await client.measure({ event: SAMPLE_EVENT })).toEqual({ success: true });
        expect(await client.updateCerts()).toEqual({ success: true });
        expect(await client.updateMetadata()).toEqual({ success: false });

        expect(cmc.calls.map(({ method, request }) => ({ method, request }))).toEqual([
          { method: 'attest', request: attestation },
          { method: 'verify', request: verification },
          { method: 'tlsCreate', request: { keyConfig } },
          { method: 'tlsSign', request: sign },
          { method: 'tlsCert', request: { keyId: KEY_ID } },
          { method: 'peerCache', request: { peer: DIGEST } },
          { method: 'measure', request: { event: SAMPLE_EVENT } },
          { method: 'updateCerts', request: undefined },
          { method: 'updateMetadata', request: undefined },
        ]);
        expect(cmc.calls[0]?.options.serialization).toBe(serialization);
      });

      test(`leaves out what is empty, in ${serialization}`, async () => {
        const cmc = fakeCmc();
        const { client } = await start(cmc, { serialization });
        await client.attest({ nonce: NONCE, cached: [] });
        await client.verify({ nonce: NONCE, report: NONCE, peer: '', peerAddr: '' });
        const sign = { keyId: KEY_ID, content: NONCE, hashAlg: 'SHA-256' };
        await client.tlsSign({ ...sign, message: new Uint8Array() });
        expect(cmc.calls.map(({ request }) => request)).toEqual([
          { nonce: NONCE },
          { nonce: NONCE, report: NONCE },
          sign,
        ]);
        expect(await client.peerCache({ peer: '' })).toEqual({ cache: [] });
      });
    }

    test('carries large reports in both directions', async () => {
      const report = pseudoRandom(transport.largeReport ?? 1.5 * 1024 * 1024);
      const cmc = fakeCmc({ attest: async () => ({ report }) });
      const { client } = await start(cmc);
      const response = await client.attest({ nonce: NONCE });
      expect(Buffer.compare(response.report, report)).toBe(0);
      await client.verify({ nonce: NONCE, report });
      const { request } = cmc.calls[1] as { request: { report: Uint8Array } };
      expect(Buffer.compare(request.report, report)).toBe(0);
    });

    test('runs 64 calls at the same time, each with its own answer', async () => {
      let running = 0;
      let most = 0;
      const attest: Cmc['attest'] = async ({ nonce }) => {
        most = Math.max(most, ++running);
        await sleep(50);
        running--;
        return { report: nonce };
      };
      const { client } = await start(fakeCmc({ attest }));
      const nonces = Array.from({ length: 64 }, (_, index) => new Uint8Array(8).fill(index));
      const answers = await Promise.all(nonces.map((nonce) => client.attest({ nonce })));
      expect(answers.map(({ report }) => report)).toEqual(nonces);
      expect(most).toBeGreaterThan(32);
    });

    test('restores the code of an error of the daemon', async () => {
      const attest: Cmc['attest'] = () =>
        Promise.reject(new CmcError('ERR_SAMPLE_BROKEN', 'the püp is broken: 100 %41'));
      const { client } = await start(fakeCmc({ attest }));
      await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
        name: 'ApiError',
        code: 'ERR_API_REMOTE',
        remoteCode: 'ERR_SAMPLE_BROKEN',
        message: 'ERR_SAMPLE_BROKEN: the püp is broken: 100 %41',
      });
    });

    test('keeps the text of a defect to itself', async () => {
      const attest: Cmc['attest'] = () => Promise.reject(new TypeError('secret'));
      const { client } = await start(fakeCmc({ attest }));
      const error = await client.attest({ nonce: NONCE }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_API_REMOTE', remoteCode: 'ERR_API_INTERNAL' });
      expect(String(error)).not.toContain('secret');
    });

    describe('refuses malformed requests, naming the field', () => {
      for (const [field, call] of MALFORMED) {
        test(field, async () => {
          const cmc = fakeCmc();
          const { client } = await start(cmc);
          const error = await call(client).catch((reason: unknown) => reason);
          expect(error).toMatchObject({ code: 'ERR_API_REMOTE', remoteCode: 'ERR_API_REQUEST' });
          expect(String(error)).toContain(`${field}: `);
          expect(cmc.calls).toEqual([]);
        });
      }
    });

    test('refuses to send a message beyond the limit', async () => {
      const cmc = fakeCmc();
      const { client } = await start(cmc);
      const report = new Uint8Array(transport.oversizedReport);
      await expect(client.verify({ nonce: NONCE, report })).rejects.toMatchObject({
        code: 'ERR_API_LIMIT',
      });
      const cached = new Array(20_000).fill(DIGEST);
      await expect(client.attest({ nonce: NONCE, cached })).rejects.toMatchObject({
        code: 'ERR_API_LIMIT',
      });
      expect(cmc.calls).toEqual([]);
    });

    test('refuses calls beyond the number that run at the same time', async () => {
      const attest: Cmc['attest'] = async ({ nonce }) => {
        await sleep(300);
        return { report: nonce };
      };
      const { client } = await start(fakeCmc({ attest }), { maxCalls: 2 });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 5 }, () => client.attest({ nonce: NONCE })),
      );
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      expect(refused).toHaveLength(3);
      for (const { reason } of refused as PromiseRejectedResult[]) {
        expect(reason).toMatchObject({ code: 'ERR_API_REMOTE', remoteCode: 'ERR_API_LIMIT' });
      }
    });

    test('aborts a call with the reason of the caller', async () => {
      const seen = withResolvers<unknown>();
      const attest: Cmc['attest'] = async (_request, { signal } = {}) => {
        await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        seen.resolve(signal?.reason);
        throw signal?.reason;
      };
      const { client } = await start(fakeCmc({ attest }));
      const controller = new AbortController();
      const call = client.attest({ nonce: NONCE }, { signal: controller.signal });
      setTimeout(() => controller.abort(new Error('changed my mind')), 100);
      await expect(call).rejects.toThrow('changed my mind');
      if (transport.cancels) {
        expect(await seen.promise).toMatchObject({ code: 'ERR_API_UNAVAILABLE' });
      }
    });

    test('does not start a call whose signal is aborted', async () => {
      const cmc = fakeCmc();
      const { client } = await start(cmc);
      const signal = AbortSignal.abort(new Error('too late'));
      await expect(client.attest({ nonce: NONCE }, { signal })).rejects.toThrow('too late');
      await client.updateCerts();
      expect(cmc.calls.map(({ method }) => method)).toEqual(['updateCerts']);
    });

    test('ends a call that takes too long at the deadline of the client', async () => {
      const { client } = await start(fakeCmc({ attest: () => new Promise(() => {}) }), {
        timeoutMs: 300,
      });
      const started = performance.now();
      await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
        code: 'ERR_API_TIMEOUT',
      });
      expect(performance.now() - started).toBeLessThan(4_000);
      expect(await client.updateCerts()).toEqual({ success: true });
    });

    test('ends a call that takes too long at the deadline of the server', async () => {
      const { client } = await start(fakeCmc({ attest: () => new Promise(() => {}) }), {
        callTimeoutMs: 300,
      });
      await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
        code: 'ERR_API_REMOTE',
        remoteCode: 'ERR_API_TIMEOUT',
      });
    });

    test('times out on a server that never answers', async () => {
      const silence = keep(await transport.serveSilence(transport.address(directory)));
      const client = keep(transport.connect({ address: silence.address, timeoutMs: 300 }));
      await expect(client.attest({ nonce: NONCE })).rejects.toMatchObject({
        code: 'ERR_API_TIMEOUT',
      });
    });

    test('says that nobody is there, and recovers when somebody is', async () => {
      const first = await transport.serve(fakeCmc(), { address: transport.address(directory) });
      const { address } = first;
      const client = keep(transport.connect({ address, timeoutMs: 1_000 }));
      expect(await client.updateCerts()).toEqual({ success: true });
      await first.close();
      const error = await client.updateCerts().catch((reason: unknown) => reason);
      // A datagram to a dead port may be lost without a trace.
      expect(['ERR_API_UNAVAILABLE', 'ERR_API_TIMEOUT']).toContain((error as CmcError).code);
      const second = await transport.serve(fakeCmc(), { address });
      keep(second);
      expect(await client.updateCerts()).toEqual({ success: true });
    });

    test('lets running calls finish when it closes', async () => {
      const attest: Cmc['attest'] = async ({ nonce }) => {
        await sleep(300);
        return { report: nonce };
      };
      const cmc = fakeCmc({ attest });
      const { server, client } = await start(cmc);
      const call = client.attest({ nonce: NONCE });
      while (cmc.calls.length === 0) await sleep(5);
      const closed = server.close({ graceMs: 5_000 });
      expect(await call).toEqual({ report: NONCE });
      const answered = performance.now();
      await closed;
      expect(performance.now() - answered).toBeLessThan(4_000);
    });

    test('aborts calls that run longer than the grace when it closes', async () => {
      const aborted = withResolvers<unknown>();
      const attest: Cmc['attest'] = (_request, { signal } = {}) =>
        new Promise((_, reject) => {
          signal?.addEventListener('abort', () => {
            aborted.resolve(signal.reason);
            reject(signal.reason);
          });
        });
      const cmc = fakeCmc({ attest });
      const { server, client } = await start(cmc, { timeoutMs: 2_000 });
      const call = client.attest({ nonce: NONCE }).catch((reason: unknown) => reason);
      while (cmc.calls.length === 0) await sleep(5);
      const started = performance.now();
      await server.close({ graceMs: 100 });
      expect(performance.now() - started).toBeLessThan(3_000);
      expect(await aborted.promise).toMatchObject({ code: 'ERR_API_UNAVAILABLE' });
      expect(await call).toBeInstanceOf(CmcError);
    });

    test('closes when its signal aborts, and twice without harm', async () => {
      const controller = new AbortController();
      const server = await transport.serve(fakeCmc(), {
        address: transport.address(directory),
        signal: controller.signal,
      });
      controller.abort();
      await server.close();
      await server.close();
      const again = await transport.serve(fakeCmc(), { address: server.address });
      await again.close();
    });

    test('refuses calls of a closed client', async () => {
      const { client } = await start(fakeCmc({ attest: () => new Promise(() => {}) }));
      const running = client.attest({ nonce: NONCE }).catch((reason: unknown) => reason);
      await client.close();
      expect(await running).toMatchObject({ code: 'ERR_API_UNAVAILABLE' });
      await expect(client.updateCerts()).rejects.toMatchObject({ code: 'ERR_API_UNAVAILABLE' });
    });

    test('R44 refuses to listen where other machines can connect', async () => {
      for (const address of ['0.0.0.0:0', '[::]:0']) {
        await expect(transport.serve(fakeCmc(), { address })).rejects.toMatchObject({
          code: 'ERR_API_ADDRESS',
        });
      }
    });
  });
}

/** A promise and its settlers. */
export function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
} {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Bytes that do not compress and do not repeat. */
function pseudoRandom(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
