// What a test of @cmc/driver-snp does inside the guest. Bytes go in and out as hex.
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import {
  createConfigfsSource,
  createSevGuestSource,
  createSnpDriver,
  DEFAULT_CONFIGFS_PATH,
  openReportSource,
} from '@cmc/driver-snp';

const FAKE = '/sys/kernel/fake_snp';

/** A report, or the error that there is none. */
export async function report({ way, data, vmpl = 0 }) {
  return await outcome(async () => {
    const source = await sourceOf(way);
    const raw = await source.report(Buffer.from(data, 'hex'), vmpl);
    return { source: source.name, report: hex(raw.report), certificates: hex(raw.certificates) };
  });
}

/** Many reports at once, each over data of its own. */
export async function reports({ way, count }) {
  return await outcome(async () => {
    const source = await sourceOf(way);
    const wanted = Array.from({ length: count }, (_, i) => new Uint8Array(64).fill(i));
    const got = await Promise.all(wanted.map((data, i) => source.report(data, i % 4)));
    return { reports: got.map((raw) => hex(raw.report)) };
  });
}

/** Evidence and collateral, as the daemon asks for them. */
export async function measure({ way, nonce }) {
  return await outcome(async () => {
    const driver = createSnpDriver({ source: await sourceOf(way) });
    const { collateral, measure } = await driver.prepare();
    const evidence = await measure(Buffer.from(nonce, 'hex'));
    return {
      evidence: evidence.map((each) => hex(each.evidence)),
      certificates: collateral.flatMap(({ certs }) => certs.map(hex)),
    };
  });
}

/** A report while another program writes to the driver's entry, the first `times`. */
export async function disturbed({ data, times }) {
  let left = times;
  let entries = 0;
  const files = {
    mkdir: async (path) => {
      entries += 1;
      await mkdir(path);
    },
    rmdir,
    read: async (path) => {
      if (path.endsWith('/outblob') && left-- > 0) {
        await write(path.replace(/outblob$/, 'privlevel'), '3');
      }
      return new Uint8Array(await readFile(path));
    },
    write,
  };
  return await outcome(async () => {
    const source = createConfigfsSource(DEFAULT_CONFIGFS_PATH, files);
    const raw = await source.report(Buffer.from(data, 'hex'), 0);
    return { entries, report: hex(raw.report) };
  });
}

/** How the kernel itself behaves, step by step. */
export async function kernelSteps() {
  const entry = `${DEFAULT_CONFIGFS_PATH}/steps`;
  const at = (name) => `${entry}/${name}`;
  const generation = async () => Number(await readFile(at('generation'), 'utf8'));
  await mkdir(entry);
  try {
    const seen = { provider: (await readFile(at('provider'), 'utf8')).trim(), modes: {} };
    for (const name of (await readdir(entry)).sort()) {
      seen.modes[name] = ((await stat(at(name))).mode & 0o777).toString(8);
    }
    seen.generationOfNew = await generation();
    seen.reportOfNothing = await codeOf(readFile(at('outblob')));
    await write(at('inblob'), new Uint8Array(64));
    seen.generationAfterData = await generation();
    await write(at('privlevel'), '2');
    seen.generationAfterLevel = await generation();
    const before = await requests();
    await readFile(at('outblob'));
    await readFile(at('outblob'));
    seen.requestsForTwoReads = (await requests()) - before;
    seen.generationAfterReads = await generation();
    seen.tooMuchData = await codeOf(write(at('inblob'), new Uint8Array(65)));
    seen.tooHighLevel = await codeOf(write(at('privlevel'), '4'));
    await write(at('inblob'), new Uint8Array(32));
    seen.reportOfTooLittleData = await codeOf(readFile(at('outblob')));
    return seen;
  } finally {
    await rmdir(entry);
  }
}

/** Entries that somebody left behind. */
export async function leftEntries() {
  return await readdir(DEFAULT_CONFIGFS_PATH);
}

/** Requests that reached the firmware, so far. */
export async function requests() {
  return Number(await readFile(`${FAKE}/requests`, 'utf8'));
}

/** The next requests fail. */
export async function fail({ times, errno, firmwareError = 0, vmmError = 0 }) {
  await writeFile(`${FAKE}/fault`, `${times} ${errno} ${firmwareError} ${vmmError}`);
}

async function sourceOf(way) {
  if (way === 'configfs') return createConfigfsSource();
  if (way === 'device') return createSevGuestSource();
  if (way === 'without configfs') return await openReportSource({ configfsPath: '/nowhere' });
  return await openReportSource();
}

async function write(path, data) {
  const file = await open(path, constants.O_WRONLY);
  try {
    await file.write(data);
  } finally {
    await file.close();
  }
}

async function outcome(work) {
  try {
    return await work();
  } catch (error) {
    const { code, message, firmwareError } = error;
    return { code, message, firmwareError };
  }
}

async function codeOf(promise) {
  return await promise.then(
    () => 'none',
    (error) => error.code,
  );
}

function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}
