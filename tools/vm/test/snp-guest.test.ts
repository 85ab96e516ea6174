import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspectSnpReport } from '@cmc/attestationreport/snp';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { fromHex, toHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  certificateTable,
  reportOver,
  vectorCertificate,
  vectorReport,
} from '../../../packages/driver-snp/test/support/vectors.ts';
import {
  buildApplication,
  buildInitrd,
  compileModule,
  type Machine,
  prepareKernel,
  rootImage,
  startMachine,
} from '../src/index.ts';
import { isMissing } from './support/requirements.ts';

const PREPARE_MS = 150_000;
const MODULE = '/data/fake_snp.ko';
const PAGE_BYTES = 4096;
const EIO = 5;
const EAGAIN = 11;
const EBUSY = 16;
const EINVAL = 22;
/** SNP_GUEST_VMM_ERR_BUSY. */
const HOST_IS_BUSY = 2;
const FOREVER = 1000;

const data = new Uint8Array(64).map((_, i) => i + 1);

describe.skipIf(await isMissing())('@cmc/driver-snp in a guest with the kernel interfaces', () => {
  const genuine = vectorReport('milan-v3-tav');
  const vcek = vectorCertificate('milan-v3-tav/vcek.pem');
  const ask = authority('ask');
  const ark = authority('ark');
  const table = certificateTable({ VCEK: vcek.raw, ASK: ask.raw, ARK: ark.raw });
  let folder = '';
  let machine: Machine;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cmc-vm-snp-'));
    const kernel = await prepareKernel();
    const [initrd, application] = [join(folder, 'initrd'), join(folder, 'application')];
    await buildInitrd(kernel, initrd);
    await buildApplication(['@cmc/driver-snp'], application);
    const source = fileURLToPath(new URL('../module/fake_snp.c', import.meta.url));
    const module = await compileModule(kernel, source, folder);
    const root = await rootImage();
    machine = await startMachine({ kernel: kernel.image, initrd, root, application });
    console.log(`up after ${Math.round(machine.bootMs)} ms`);
    await machine.agent.write(MODULE, module, 0o600);
    await load();
  }, PREPARE_MS);

  afterAll(async () => {
    await machine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    await guest('fail', { times: 0, errno: EIO });
  });

  async function guest(name: string, argument?: unknown): Promise<unknown> {
    return await machine.agent.call('/app/guest/snp.mjs', name, argument);
  }

  async function load(...parameters: readonly string[]): Promise<void> {
    const { agent } = machine;
    await agent.run('/bin/busybox', ['rmmod', 'fake_snp']);
    const outcome = await agent.run('/bin/busybox', ['insmod', MODULE, ...parameters]);
    expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' });
    await agent.write('/sys/kernel/fake_snp/report', genuine);
    await agent.write('/sys/kernel/fake_snp/certificates', table);
  }

  test('the kernel behaves as the driver expects', async () => {
    expect(await guest('kernelSteps')).toEqual({
      provider: 'sev_guest',
      modes: {
        auxblob: '444',
        generation: '444',
        inblob: '200',
        outblob: '444',
        privlevel: '200',
        privlevel_floor: '444',
        provider: '444',
      },
      generationOfNew: 0,
      reportOfNothing: 'EINVAL',
      generationAfterData: 1,
      generationAfterLevel: 2,
      requestsForTwoReads: 1,
      generationAfterReads: 2,
      tooMuchData: 'EFBIG',
      tooHighLevel: 'EINVAL',
      reportOfTooLittleData: 'EINVAL',
    });
  });

  describe.each(['configfs', 'device'])('through %s', (way) => {
    const source = way === 'configfs' ? 'configfs-tsm' : 'sev-guest';
    const isOfPages = way === 'device';

    test.each([0, 1, 2, 3])('gets a report over the data, at level %i', async (vmpl) => {
      const answer = (await guest('report', { way, data: toHex(data), vmpl })) as Answer;
      expect(answer).toMatchObject({ source, report: toHex(reportOver(genuine, data, vmpl)) });
      const certificates = fromHex(answer.certificates);
      expect(certificates.subarray(0, table.length)).toEqual(table);
      const length = isOfPages ? Math.ceil(table.length / PAGE_BYTES) * PAGE_BYTES : table.length;
      expect(certificates.length).toBe(length);
    });

    test('gives evidence and certificates that AMD vouches for', async () => {
      // The data of the genuine report: the guest gives it unchanged, and its signature holds.
      const nonce = toHex(genuine.subarray(0x50, 0x90));
      const answer = (await guest('measure', { way, nonce })) as Measured;
      expect(answer.evidence).toEqual([toHex(genuine)]);
      const chain = answer.certificates.map((each) => parseCertificate(fromHex(each)));
      expect(chain.map(({ raw }) => raw)).toEqual([vcek.raw, ask.raw, ark.raw]);
      const report = fromHex(answer.evidence[0] ?? '');
      const { verdict } = await inspectSnpReport(report, { certificates: chain });
      expect(verdict).toBe('accept');
      report[0x90] = (report[0x90] ?? 0) ^ 1;
      const changed = await inspectSnpReport(report, { certificates: chain });
      expect(changed.verdict).toBe('reject');
    });

    test('many requests at once do not meet', async () => {
      const { reports } = (await guest('reports', { way, count: 16 })) as { reports: string[] };
      const expected = Array.from({ length: 16 }, (_, i) =>
        toHex(reportOver(genuine, new Uint8Array(64).fill(i), i % 4)),
      );
      expect(reports).toEqual(expected);
    });

    test.each([
      ['EBUSY', EBUSY],
      ['EAGAIN', EAGAIN],
    ])('asks again after %s', async (_, errno) => {
      await guest('fail', { times: 2, errno });
      const before = (await guest('requests')) as number;
      expect(await guest('report', { way, data: toHex(data) })).toMatchObject({
        report: toHex(reportOver(genuine, data)),
      });
      expect(await guest('requests')).toBe(before + 3);
    });

    test('gives up when the kernel stays busy', async () => {
      await guest('fail', { times: FOREVER, errno: EBUSY });
      const before = (await guest('requests')) as number;
      expect(await guest('report', { way, data: toHex(data) })).toMatchObject({
        code: 'ERR_SNP_UNAVAILABLE',
      });
      expect(await guest('requests')).toBe(before + 8);
    });

    test('a level below that of the guest is refused by the firmware', async () => {
      await load('privlevel_floor=2');
      try {
        expect(await guest('report', { way, data: toHex(data), vmpl: 1 })).toMatchObject({
          code: 'ERR_SNP_FIRMWARE',
        });
        expect(await guest('report', { way, data: toHex(data), vmpl: 2 })).toMatchObject({
          report: toHex(reportOver(genuine, data, 2)),
        });
      } finally {
        await load();
      }
    });
  });

  test('configfs comes first where there are both, then the device', async () => {
    const request = { data: toHex(data) };
    expect(await guest('report', { ...request, way: 'any' })).toMatchObject({
      source: 'configfs-tsm',
    });
    expect(await guest('report', { ...request, way: 'without configfs' })).toMatchObject({
      source: 'sev-guest',
    });
  });

  test.each([EIO, EINVAL])('error %i of configfs is a refusal of the firmware', async (errno) => {
    await guest('fail', { times: 1, errno });
    expect(await guest('report', { way: 'configfs', data: toHex(data) })).toMatchObject({
      code: 'ERR_SNP_FIRMWARE',
    });
  });

  test('what somebody else wrote to the entry is not taken', async () => {
    expect(await guest('disturbed', { data: toHex(data), times: 2 })).toEqual({
      entries: 3,
      report: toHex(reportOver(genuine, data)),
    });
    expect(await guest('disturbed', { data: toHex(data), times: FOREVER })).toMatchObject({
      code: 'ERR_SNP_UNAVAILABLE',
    });
  });

  test('the device says what the firmware says', async () => {
    await guest('fail', { times: 1, errno: EIO, firmwareError: 0x27 });
    expect(await guest('report', { way: 'device', data: toHex(data) })).toMatchObject({
      code: 'ERR_SNP_FIRMWARE',
      firmwareError: 0x27,
    });
    expect(await guest('report', { way: 'device', data: toHex(data), vmpl: 4 })).toMatchObject({
      code: 'ERR_SNP_FIRMWARE',
      firmwareError: 0x16,
    });
  });

  test('the device is asked again while the host is busy', async () => {
    await guest('fail', { times: 2, errno: EIO, vmmError: HOST_IS_BUSY });
    expect(await guest('report', { way: 'device', data: toHex(data) })).toMatchObject({
      report: toHex(reportOver(genuine, data)),
    });
  });

  test('without a provider there is no report, and the driver says so', async () => {
    await machine.agent.run('/bin/busybox', ['rmmod', 'fake_snp']);
    try {
      for (const way of ['configfs', 'device', 'any', 'without configfs']) {
        expect(await guest('report', { way, data: toHex(data) }), way).toMatchObject({
          code: 'ERR_SNP_UNAVAILABLE',
        });
      }
    } finally {
      await load();
    }
  });

  test('nothing is left in configfs after all that', async () => {
    expect(await guest('leftEntries')).toEqual([]);
  });
});

interface Answer {
  readonly source: string;
  readonly report: string;
  readonly certificates: string;
}

interface Measured {
  readonly evidence: readonly string[];
  readonly certificates: readonly string[];
}

function authority(name: string): Certificate {
  const path = join(vectorsDir(), 'trust-anchors', 'amd', 'milan', `${name}.der`);
  return parseCertificate(new Uint8Array(readFileSync(path)));
}
