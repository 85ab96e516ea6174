import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from '@cmc/attestationreport/x509';
import { CmcError, equalBytes } from '@cmc/bytes';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  createSnpDriver,
  type Endorser,
  type RawReport,
  type ReportSource,
  type SnpDriver,
  type SnpDriverOptions,
} from '../src/index.ts';
import {
  certificateTable,
  reportOver,
  vectorCertificate,
  vectorReport,
} from './support/vectors.ts';

const MILAN = {
  report: vectorReport('milan-v3-tav'),
  vcek: vectorCertificate('milan-v3-tav/vcek.pem'),
};
const TURIN = {
  report: vectorReport('turin-v5-routex'),
  vcek: vectorCertificate('turin-v5-routex/vcek.pem'),
};
const VLEK = {
  report: vectorReport('milan-v3-vlek-aws-us-east-2'),
  vlek: vectorCertificate('milan-v3-vlek-aws-us-east-2/vlek.der'),
};
const NONCE = new Uint8Array(32).fill(1);

interface Machine extends ReportSource {
  raw: { report: Uint8Array; certificates: Uint8Array };
  asked: number;
}

function machine(report: Uint8Array, certificates: Uint8Array = new Uint8Array()): Machine {
  return {
    name: 'fake',
    raw: { report, certificates },
    asked: 0,
    async report(reportData, vmpl): Promise<RawReport> {
      this.asked += 1;
      return {
        report: reportOver(this.raw.report, reportData, vmpl),
        certificates: this.raw.certificates,
      };
    },
  };
}

/** Authorities by issuer name: what AMD's service gives; here any certificates. */
const AUTHORITIES = [MILAN.vcek, TURIN.vcek] as const;

function endorser(
  vcek: Certificate,
): { [K in keyof Endorser]: ReturnType<typeof vi.fn> } & Endorser {
  return {
    vcek: vi.fn(async () => vcek),
    chain: vi.fn(async () => AUTHORITIES),
  } as never;
}

async function certificatesOf(driver: SnpDriver): Promise<readonly Uint8Array[]> {
  const { collateral } = await driver.prepare();
  return collateral[0]?.certs ?? [];
}

function driverOf(source: ReportSource, options: Partial<SnpDriverOptions> = {}): SnpDriver {
  return createSnpDriver({ source, ...options });
}

describe('a measurement', () => {
  test('is the report over the nonce, with the certificates of its key', async () => {
    const kds = endorser(MILAN.vcek);
    const driver = driverOf(machine(MILAN.report), { endorser: kds });
    const { collateral, measure } = await driver.prepare();
    expect(collateral).toEqual([
      { type: 'SNP Evidence', certs: [MILAN.vcek.raw, ...AUTHORITIES.map(({ raw }) => raw)] },
    ]);
    const padded = new Uint8Array(64);
    padded.set(NONCE);
    expect(await measure(NONCE)).toEqual([
      { type: 'SNP Evidence', evidence: reportOver(MILAN.report, padded) },
    ]);
    expect(kds.vcek).toHaveBeenCalledWith(
      {
        product: 'Milan',
        chipId: MILAN.report.slice(0x1a0, 0x1e0),
        tcb: expect.objectContaining({ bl: 4, tee: 0, snp: 24, ucode: 219 }),
      },
      expect.anything(),
    );
  });

  test('asks the service for what Turin has: a short chip id, and an FMC', async () => {
    const kds = endorser(TURIN.vcek);
    await certificatesOf(driverOf(machine(TURIN.report), { endorser: kds }));
    expect(kds.vcek.mock.calls[0]?.[0]).toMatchObject({
      product: 'Turin',
      tcb: { fmc: 0, bl: 1, tee: 0, snp: 2, ucode: 71 },
    });
  });

  test('gets certificates once, however many measure at the same time', async () => {
    const kds = endorser(MILAN.vcek);
    const driver = driverOf(machine(MILAN.report), { endorser: kds });
    await Promise.all(Array.from({ length: 20 }, () => driver.prepare()));
    expect(kds.vcek).toHaveBeenCalledTimes(1);
  });

  test('refuses a report over other data, or of another level', async () => {
    const other = machine(MILAN.report);
    other.report = async () => ({ report: MILAN.report, certificates: new Uint8Array() });
    await expect(driverOf(other).prepare()).rejects.toMatchObject({ code: 'ERR_SNP_REPORT' });
    const level = machine(MILAN.report);
    level.report = async (data) => ({
      report: reportOver(MILAN.report, data, 1),
      certificates: new Uint8Array(),
    });
    await expect(driverOf(level).prepare()).rejects.toMatchObject({ code: 'ERR_SNP_REPORT' });
  });

  test('is not made over a nonce that does not fit', async () => {
    const driver = driverOf(machine(MILAN.report), { endorser: endorser(MILAN.vcek) });
    const { measure } = await driver.prepare();
    await expect(measure(new Uint8Array(65))).rejects.toThrow(RangeError);
    await expect(measure(new Uint8Array())).rejects.toThrow(RangeError);
    expect(() => driverOf(machine(MILAN.report), { vmpl: 4 })).toThrow(RangeError);
  });
});

describe('certificates of the host', () => {
  const table = certificateTable({
    VCEK: MILAN.vcek.raw,
    ASK: MILAN.vcek.raw,
    ARK: MILAN.vcek.raw,
  });

  test('are used when they belong to the report', async () => {
    const kds = endorser(TURIN.vcek);
    const driver = driverOf(machine(MILAN.report, table), { endorser: kds });
    expect((await certificatesOf(driver))[0]).toEqual(MILAN.vcek.raw);
    expect(kds.vcek).not.toHaveBeenCalled();
  });

  test('from before an update of the firmware are replaced by those of the service', async () => {
    const updated = new Uint8Array(MILAN.report);
    // The reported boot loader version.
    updated[0x180] = 5;
    const kds = endorser(MILAN.vcek);
    const driver = driverOf(machine(updated, table), { endorser: kds });
    await certificatesOf(driver);
    expect(kds.vcek.mock.calls[0]?.[0]).toMatchObject({ tcb: { bl: 5 } });
    await expect(driverOf(machine(updated, table)).prepare()).rejects.toMatchObject({
      code: 'ERR_SNP_CERTIFICATE',
    });
  });

  test('of a VLEK are the only ones there are', async () => {
    const kds = endorser(MILAN.vcek);
    const own = certificateTable({ VLEK: VLEK.vlek.raw });
    const driver = driverOf(machine(VLEK.report, own), { endorser: kds, vmpl: 1 });
    expect((await certificatesOf(driver))[0]).toEqual(VLEK.vlek.raw);
    expect(kds.chain).toHaveBeenCalledWith('vlek', 'Milan', expect.anything());
    const without = driverOf(machine(VLEK.report), { endorser: kds, vmpl: 1 });
    await expect(without.prepare()).rejects.toMatchObject({ code: 'ERR_SNP_CERTIFICATE' });
  });

  test('that are no table are refused', async () => {
    const driver = driverOf(machine(MILAN.report, new Uint8Array(30).fill(1)));
    await expect(driver.prepare()).rejects.toMatchObject({ code: 'ERR_SNP_CERTIFICATE' });
  });
});

describe('a service that fails', () => {
  test.each(['ERR_KDS_UNAVAILABLE', 'ERR_KDS_INVALID'] as const)(
    '%s stays what it is, and the next measurement asks again',
    async (code) => {
      const kds = endorser(MILAN.vcek);
      kds.vcek.mockRejectedValueOnce(new CmcError(code, 'of the test'));
      const driver = driverOf(machine(MILAN.report), { endorser: kds });
      await expect(driver.prepare()).rejects.toMatchObject({ code });
      expect((await certificatesOf(driver))[0]).toEqual(MILAN.vcek.raw);
    },
  );

  test('makes nobody wait who has given up', async () => {
    const kds = endorser(MILAN.vcek);
    kds.vcek.mockImplementation(() => new Promise(() => {}));
    const driver = driverOf(machine(MILAN.report), { endorser: kds });
    await expect(driver.prepare({ signal: AbortSignal.timeout(30) })).rejects.toThrow();
  });
});

describe('when the TCB of the platform changes', () => {
  test('a snapshot is stale, and the next one has other certificates', async () => {
    const source = machine(MILAN.report);
    const kds = endorser(MILAN.vcek);
    const driver = driverOf(source, { endorser: kds });
    const before = await driver.prepare();
    source.raw.report = TURIN.report;
    kds.vcek.mockResolvedValue(TURIN.vcek);
    await expect(before.measure(NONCE)).rejects.toMatchObject({ code: 'ERR_MEASUREMENT_STALE' });
    expect((await certificatesOf(driver))[0]).toEqual(TURIN.vcek.raw);
  });

  test('updateCerts asks again', async () => {
    const kds = endorser(MILAN.vcek);
    const driver = driverOf(machine(MILAN.report), { endorser: kds });
    await driver.prepare();
    await driver.updateCerts();
    expect(kds.vcek).toHaveBeenCalledTimes(2);
  });
});

describe('certificates on disk', () => {
  function folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'cmc-snp-'));
    onTestFinished(() => rmSync(path, { recursive: true }));
    return path;
  }

  test('are used again after a restart, without the service', async () => {
    const storage = folder();
    await driverOf(machine(MILAN.report), { endorser: endorser(MILAN.vcek), storage }).prepare();
    const kds = endorser(TURIN.vcek);
    const restarted = driverOf(machine(MILAN.report), { endorser: kds, storage });
    const [leaf = new Uint8Array()] = await certificatesOf(restarted);
    expect(equalBytes(leaf, MILAN.vcek.raw)).toBe(true);
    expect(kds.vcek).not.toHaveBeenCalled();
    await restarted.updateCerts().catch(() => {});
    expect(kds.vcek).toHaveBeenCalledTimes(1);
  });

  test('of another platform, or damaged, are got anew', async () => {
    const storage = folder();
    const kds = endorser(MILAN.vcek);
    await driverOf(machine(TURIN.report), { endorser: endorser(TURIN.vcek), storage }).prepare();
    await driverOf(machine(MILAN.report), { endorser: kds, storage }).prepare();
    expect(kds.vcek).toHaveBeenCalledTimes(1);
    const path = join(storage, 'snp_ak_chain.pem');
    writeFileSync(path, readFileSync(path).subarray(0, 700));
    await driverOf(machine(MILAN.report), { endorser: kds, storage }).prepare();
    expect(kds.vcek).toHaveBeenCalledTimes(2);
  });
});
