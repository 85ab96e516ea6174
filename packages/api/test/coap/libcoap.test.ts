import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Serialization } from '@cmc/attestationreport';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api-server.ts';
import { serveCoap } from '../../src/coap/server.ts';
import { operations } from '../../src/operations.ts';
import { type FakeCmc, fakeCmc, SAMPLE_RESULT } from '../fake-cmc.ts';
import { pattern } from './endpoint.ts';

const NAMES = ['coap-client', 'coap-client-notls', 'coap-client-openssl', 'coap-client-gnutls'];
const { PATH = '', CI } = process.env;
const binary = PATH.split(':')
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find((path) => existsSync(path));

const NONCE = pattern(32);
const report = pattern(200_000);
const FORMATS = { json: '50', cbor: '60' } as const;

describe('coap-client of libcoap', () => {
  // In CI the package is installed; elsewhere a missing one is reported as a skipped test.
  test.skipIf(binary === undefined && CI === undefined)(
    `is installed (Debian: libcoap3-bin)`,
    () => {
      expect(binary).toBeDefined();
    },
  );

  describe.skipIf(binary === undefined)('against serveCoap', () => {
    let directory: string;
    let cmc: FakeCmc;
    let server: ApiServer;
    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), 'cmc-coap-'));
      cmc = fakeCmc({ attest: async () => ({ report }) });
      server = await serveCoap(cmc, { address: '127.0.0.1:0' });
    });
    afterEach(async () => {
      await server.close({ graceMs: 0 });
      rmSync(directory, { recursive: true });
    });

    /** Posts `body` and gives the bytes of the response, and what the program said. */
    async function post(path: string, body: Uint8Array, options: readonly string[]) {
      const [input, output] = [join(directory, 'request'), join(directory, 'response')];
      writeFileSync(input, body);
      const url = `coap://${server.address}/${path}`;
      const { stdout, stderr } = await promisify(execFile)(
        binary ?? '',
        ['-m', 'post', '-B', '20', '-f', input, '-o', output, ...options, url],
        { timeout: 30_000 },
      );
      const response = existsSync(output) ? readFileSync(output) : Buffer.alloc(0);
      return { response: new Uint8Array(response), text: stdout + stderr };
    }

    describe.each<Serialization>(['json', 'cbor'])('in %s', (serialization) => {
      const type = ['-t', FORMATS[serialization]];

      test('gets a report of 200 KB, block by block, from one call', async () => {
        const body = operations.attest.request.encode({ nonce: NONCE }, serialization);
        const { response } = await post('Attest', body, type);
        const decoded = operations.attest.response.decode(response);
        expect(decoded.serialization).toBe(serialization);
        expect(Buffer.compare(decoded.value.report, report)).toBe(0);
        expect(cmc.calls.map((call) => call.request)).toEqual([{ nonce: NONCE }]);
      });

      test.each(['1024', '64'])(
        'has a report of 200 KB verified, in blocks of %s',
        async (size) => {
          const request = { nonce: NONCE, report };
          const body = operations.verify.request.encode(request, serialization);
          const { response } = await post('Verify', body, [...type, '-b', size]);
          const { value } = operations.verify.response.decode(response);
          expect(value.result).toEqual(SAMPLE_RESULT);
          expect(cmc.calls.map((call) => call.request)).toEqual([request]);
        },
      );
    });

    test('sends and gets 200 KB in one exchange', async () => {
      const cached = Array.from({ length: 3_000 }, (_, i) => i.toString(16).padStart(64, '0'));
      const body = operations.attest.request.encode({ nonce: NONCE, cached }, 'cbor');
      expect(body.length).toBeGreaterThan(190_000);
      const { response } = await post('Attest', body, ['-t', '60']);
      const { value } = operations.attest.response.decode(response);
      expect(Buffer.compare(value.report, report)).toBe(0);
      expect(cmc.calls.map((call) => call.request)).toEqual([{ nonce: NONCE, cached }]);
    });

    test('sees the text of an error', async () => {
      const body = operations.attest.request.encode({ nonce: NONCE.subarray(1, 3) }, 'json');
      const { text } = await post('Attest', body, ['-t', '50']);
      expect(text).toMatch(/4\.00.*ERR_API_REQUEST: AttestationRequest\.nonce/s);
    });

    test('works without confirmation too', async () => {
      const body = operations.peerCache.request.encode({ peer: '' }, 'cbor');
      const { response } = await post('PeerCache', body, ['-t', '60', '-N']);
      expect(operations.peerCache.response.decode(response).value.cache).toEqual([]);
    });
  });
});
