import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeReport } from '@cmc/attestationreport/codec';
import { BUILD_TIMEOUT_MS, buildPackage, runProgram, startProgram } from '@cmc/testbed';
import { createFakeCa, vectorsDir } from '@cmc/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type Answer,
  type KdsServer,
  startKds,
  vectorCertificate,
} from '../../../packages/amd-kds/test/support/kds-server.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CMCD = join(ROOT, 'packages/cmcd/dist/main.js');
const CMCCTL = join(ROOT, 'tools/cmcctl/dist/main.js');
const FAKE_DEVICE = join(ROOT, 'packages/driver-snp/test/support/fake-device.c');
const ADDON = join(ROOT, `packages/driver-snp/prebuilds/linux-${process.arch}/driver-snp.node`);
const TIMEOUT_MS = 90_000;

beforeAll(() => buildPackage(join(ROOT, 'tools/cmcctl')), BUILD_TIMEOUT_MS);

function isMissing(): boolean {
  if (existsSync(ADDON)) return false;
  if (process.env['CI'] !== undefined) throw new Error(`missing: ${ADDON} (npm run native)`);
  console.warn(`skipped, missing: ${ADDON} (npm run native)`);
  return true;
}

interface Guest {
  /** What `cmcctl generate` exits with, and where its report is. */
  generate(): Promise<{ readonly code: number; readonly stderr: string; readonly report: string }>;
}

/** A daemon in a process that finds /dev/sev-guest, and gets certificates from a server. */
async function startGuest(kds: KdsServer, vector: string): Promise<Guest> {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);
  execFileSync('gcc', ['-shared', '-fPIC', '-o', path('fake.so'), FAKE_DEVICE, '-ldl']);
  writeFileSync(path('ca.pem'), createFakeCa().pem);
  writeFileSync(path('kds.pem'), kds.tlsRoots[0] ?? '');
  const address = path('cmcd.sock');
  const config = {
    api: 'socket',
    cmcAddr: address,
    rootCas: [path('ca.pem'), path('kds.pem')],
    drivers: ['snp'],
    endorsementMode: 'cps',
    endorsementAddr: kds.baseUrl,
    vmpl: 0,
    logLevel: 'info',
  };
  writeFileSync(path('cmcd.json'), JSON.stringify(config));
  const report = join(vectorsDir(), 'snp', vector, 'report.bin');
  const environment = { LD_PRELOAD: path('fake.so'), FAKE_SEV_REPORT: report };
  const before = { ...process.env };
  Object.assign(process.env, environment);
  const program = await startProgram(CMCD, ['--config', path('cmcd.json')], 'ready').finally(() => {
    for (const name of Object.keys(environment)) {
      const value = before[name];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  onTestFinished(async () => {
    await program.stop();
  });
  return {
    async generate() {
      const args = ['generate', '--cmc-addr', address, '--report', path('r'), '--nonce', path('n')];
      const { code, stderr } = await runProgram(CMCCTL, [...args, '--timeout-seconds', '60'], {
        timeoutMs: TIMEOUT_MS,
      });
      return { code, stderr, report: path('r') };
    },
  };
}

async function vcekPath(vector: 'milan-v3-tav' | 'turin-v5-routex'): Promise<string> {
  const report = readFileSync(join(vectorsDir(), 'snp', vector, 'report.bin'));
  const chip = report.subarray(0x1a0, vector === 'turin-v5-routex' ? 0x1a8 : 0x1e0).toString('hex');
  return vector === 'turin-v5-routex'
    ? `/vcek/v1/Turin/${chip}?fmcSPL=0&blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=71`
    : `/vcek/v1/Milan/${chip}?blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219`;
}

describe.skipIf(isMissing())('a daemon in an SEV-SNP guest', () => {
  test.each(['milan-v3-tav', 'turin-v5-routex'] as const)(
    '%s: puts the report and the certificates of its chip into its reports',
    async (vector) => {
      const vcek = await vectorCertificate(`snp/${vector}/vcek.pem`);
      const kds = await startKds({ [await vcekPath(vector)]: vcek });
      const guest = await startGuest(kds, vector);
      const { code, stderr, report } = await guest.generate();
      expect(code, stderr).toBe(0);
      const { evidences, context } = decodeReport(new Uint8Array(readFileSync(report))).report;
      expect(evidences?.[0]?.evidence).toHaveLength(1184);
      expect(context.collateral?.[0]?.certs?.[0]).toEqual(vcek);
      expect(context.collateral?.[0]?.certs).toHaveLength(3);
      // Another report needs nothing more of the server.
      const asked = kds.requests.length;
      expect((await guest.generate()).code).toBe(0);
      expect(kds.requests).toHaveLength(asked);
    },
    TIMEOUT_MS,
  );

  const status =
    (code: number): Answer =>
    (_request, response) =>
      void response.writeHead(code, { 'retry-after': '1' }).end('not now');

  test.each<[string, Answer]>([
    ['is out of order (500)', status(500)],
    ['has too much to do (429)', status(429)],
    ['hangs up', (request) => void request.socket.destroy()],
    ['never answers', () => {}],
  ])(
    'whose server %s exits with 3, in bounded time, and works when the server does',
    async (_, answer) => {
      const vector = 'milan-v3-tav';
      const vcek = await vectorCertificate(`snp/${vector}/vcek.pem`);
      const kds = await startKds({ [await vcekPath(vector)]: vcek });
      const guest = await startGuest(kds, vector);
      kds.answer(answer);
      const outcome = await guest.generate();
      expect(outcome.code, outcome.stderr).toBe(3);
      kds.answer(undefined);
      expect((await guest.generate()).code).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    'whose server gives the certificate of another chip exits with 1',
    async () => {
      const vector = 'milan-v3-tav';
      const other = await vectorCertificate('snp/milan-v2-virtee/vcek.der');
      const guest = await startGuest(await startKds({ [await vcekPath(vector)]: other }), vector);
      const { code, stderr } = await guest.generate();
      expect(code, stderr).toBe(1);
      expect(stderr).toContain('ERR_KDS_INVALID');
    },
    TIMEOUT_MS,
  );
});
