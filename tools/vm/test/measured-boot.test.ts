import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Component, explain } from '@cmc/attestationreport';

import { componentSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { DecodeError, encodeUtf8, equalBytes, fromHex, toHex } from '@cmc/bytes';
import { digestOf, EventType, parseEventLog, replay } from '@cmc/eventlog';
import {
  bootAggregates,
  type HashName,
  imaEntryDigest,
  parseImaList,
  replayImaList,
} from '@cmc/ima';
import {
  type Credential,
  decodeTpmtPublic,
  makeCredential,
  objectName,
  publicAreaToSpki,
  verifyQuote,
} from 'tpm2-ts/verify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  buildApplication,
  buildInitrd,
  type Machine,
  type MachineOptions,
  manufactureTpm,
  type Outcome,
  prepareKernel,
  rootImage,
  startMachine,
  type TpmState,
} from '../src/index.ts';
import { Attester, faultsOf } from './support/attester.ts';
import { BANKS, type Measurements, readMeasurements } from './support/measurements.ts';
import { isMissing } from './support/requirements.ts';

const PREPARE_MS = 240_000;
const IMA = 'ima_policy=tcb ima_hash=sha256 ima_template=ima-ng';
const IMA_PCR = 10;
/** PCRs of firmware, boot loader and kernel. */
const BOOT_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 9];
const MRTOOL = '/app/node_modules/@cmc/mrtool/dist/main.js';
const FETCH = `
  fetch(process.argv[1], { signal: AbortSignal.timeout(3000) })
    .then((response) => response.text())
    .then(console.log, () => console.log('nothing'));
`;
const NEW_PROGRAM = '/data/not-in-the-manifest';

describe.skipIf(await isMissing())('a measured boot', () => {
  let folder = '';
  let options: MachineOptions;
  let machine: Machine;
  let tpm: TpmState;
  let trusted: Measurements;
  /** What mrtool learns from the trusted boot. */
  let references: readonly Component[];
  const attester = new Attester();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cmc-vm-boot-'));
    const kernel = await prepareKernel();
    const [initrd, application] = [join(folder, 'initrd'), join(folder, 'application')];
    await buildInitrd(kernel, initrd);
    await buildApplication(['@cmc/driver-tpm', '@cmc/mrtool', 'tpm2-ts'], application);
    tpm = await manufactureTpm(folder);
    const root = await rootImage();
    options = { kernel: kernel.image, initrd, root, application, tpm, commandLine: IMA };
    machine = await startMachine(options);
    console.log(`up after ${Math.round(machine.bootMs)} ms`);
    // Programs and modules of the tests are part of what is trusted.
    for (const template of ['L-1', 'H-3']) await guest('identity', { template });
    await guest('quote', { nonce: '00' });
    await attester.enroll(machine.agent, tpm);
    await attester.attest(machine.agent, []);
    await readMeasurements(machine.agent);
    references = await mrtool('learn');
    trusted = await readMeasurements(machine.agent);
  }, PREPARE_MS);

  afterAll(async () => {
    await machine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function guest(name: string, argument: unknown): Promise<unknown> {
    return await machine.agent.call('/app/guest/tpm.mjs', name, argument);
  }

  async function mrtool(...args: readonly string[]): Promise<readonly Component[]> {
    const { code, stdout, stderr } = await machine.agent.run('node', [MRTOOL, ...args]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const list = JSON.parse(stdout) as unknown[];
    return list.map(
      (each) => decodeStruct(componentSchema, encodeUtf8(JSON.stringify(each))).value,
    );
  }

  test.each(BANKS)('the replay of the event log gives the PCRs of the TPM in %s', (bank) => {
    const values = replay(parseEventLog(trusted.eventLog), bank);
    expect([...values.keys()].sort((a, b) => a - b)).toEqual(BOOT_PCRS);
    for (const [pcr, value] of values) {
      expect(toHex(value), `PCR ${pcr}`).toBe(pcrOf(trusted, bank, pcr));
    }
  });

  test.each(BANKS)('the replay of the IMA list gives PCR 10 of the TPM in %s', (bank) => {
    const { pcrs, violations } = replayImaList(trusted.imaList, { bank });
    expect(violations).toBe(0);
    expect([...pcrs].map(([pcr, value]) => [pcr, toHex(value)])).toEqual([
      [IMA_PCR, pcrOf(trusted, bank, IMA_PCR)],
    ]);
  });

  test('a change of any byte of the logs gives other values, or is no log', () => {
    const { eventLog, imaList } = trusted;
    for (let at = 0; at < imaList.length; at += 97) {
      const changed = flipped(imaList, at);
      expect(listOutcome(changed), `byte ${at}`).not.toBe(listOutcome(imaList));
    }
    const event = parseEventLog(eventLog).events.find(({ type }) => type !== EventType.NO_ACTION);
    const digestAt = (event?.offset ?? 0) + 12 + 2;
    const values = [...replay(parseEventLog(flipped(eventLog, digestAt)), 'SHA-1').values()];
    const expected = [...replay(parseEventLog(eventLog), 'SHA-1').values()];
    expect(values.map(toHex)).not.toEqual(expected.map(toHex));
  });

  test('what mrtool learns is all that was measured until then', () => {
    expect(unknownEvents(trusted, references)).toEqual([]);
    expect(unknownFiles(trusted, references)).toEqual([]);
  });

  test('mrtool reads the PCR values that tpm2-tools read', async () => {
    const components = await mrtool('read', 'tpm', '--bank', 'sha384', '--pcrs', '0-9');
    expect(components.map(({ hashes }) => toHex(hashes?.[0]?.content ?? none))).toEqual(
      Array.from({ length: 10 }, (_, pcr) => pcrOf(trusted, 'SHA-384', pcr)),
    );
  });

  test.each(['L-1', 'H-3'])(
    'the key of the manufacturer opens a credential (%s)',
    async (template) => {
      const { certificate, ek, ak, name } = (await guest('identity', { template })) as Identity;
      const leaf = new X509Certificate(fromHex(certificate));
      const issuer = new X509Certificate(readFileSync(tpm.issuerCertificate));
      const root = new X509Certificate(readFileSync(tpm.rootCertificate));
      expect(leaf.verify(issuer.publicKey) && issuer.verify(root.publicKey)).toBe(true);
      const spki = leaf.publicKey.export({ type: 'spki', format: 'der' });
      expect(toHex(publicAreaToSpki(decodeTpmtPublic(fromHex(ek))))).toBe(spki.toString('hex'));
      expect(toHex(objectName(fromHex(ak)))).toBe(name);
      const secret = new Uint8Array(randomBytes(32));
      const key = { ek: decodeTpmtPublic(fromHex(ek)), credential: secret };
      const good = await makeCredential({ ...key, name: fromHex(name) });
      expect(await guest('activate', request(template, good))).toEqual({ opened: toHex(secret) });
      const other = await makeCredential({ ...key, name: flipped(fromHex(name), 5) });
      expect(await guest('activate', request(template, other))).toMatchObject({
        code: 'ERR_TPM_RESPONSE',
      });
    },
  );

  test('a quote vouches for what the logs give, and for nothing else', async () => {
    const { ak } = (await guest('identity', { template: 'L-1' })) as Identity;
    const nonce = new Uint8Array(randomBytes(32));
    const { attest, signature } = (await guest('quote', { nonce: toHex(nonce) })) as Quote;
    const now = await readMeasurements(machine.agent);
    const values = new Map<number, Uint8Array>([[8, new Uint8Array(32)]]);
    for (const [pcr, value] of replay(parseEventLog(now.eventLog), 'SHA-256')) {
      values.set(pcr, value);
    }
    for (const [pcr, value] of replayImaList(now.imaList, { bank: 'SHA-256' }).pcrs) {
      values.set(pcr, value);
    }
    const options = {
      attest: fromHex(attest),
      signature: fromHex(signature),
      key: { publicArea: fromHex(ak) },
      nonce,
      requiredPcrs: [...BOOT_PCRS, IMA_PCR],
    };
    const verdict = await verifyQuote({ ...options, pcrs: new Map([['SHA-256', values]]) });
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([]);
    for (const pcr of options.requiredPcrs) {
      const changed = new Map(values).set(pcr, flipped(values.get(pcr) ?? none, 0));
      const pcrs = new Map([['SHA-256', changed]] as const);
      expect((await verifyQuote({ ...options, pcrs })).ok, `PCR ${pcr}`).toBe(false);
    }
  });

  test('verify() accepts the report of the boot that was learned', async () => {
    const verdict = await attester.attest(machine.agent, references);
    expect(faultsOf(verdict)).toEqual([]);
    expect(verdict.ok, explain(verdict.result).join('\n')).toBe(true);
  });

  test('the list begins with the aggregate of the boot', () => {
    const [first] = parseImaList(trusted.imaList, { bank: 'SHA-256' }).entries;
    const values = trusted.pcrs.get('SHA-256') ?? new Map();
    const candidates = bootAggregates(values, 'SHA-256').map((each) => toHex(each.digest));
    expect(first?.path).toBe('boot_aggregate');
    expect(candidates).toContain(toHex(first?.digest.value ?? new Uint8Array()));
  });

  test('the list names what was run, from the first program on', () => {
    const paths = parseImaList(trusted.imaList, { bank: 'SHA-256' }).entries.map(
      ({ path }) => path,
    );
    expect(paths.slice(0, 3)).toEqual(['boot_aggregate', '/init', '/bin/busybox']);
    expect(paths).toContain('/usr/bin/node');
    expect(paths).toContain('/app/guest/agent.mjs');
  });

  test('the guest reaches nothing outside', async () => {
    expect(await fetchFromHost(machine)).toEqual({ code: 0, stdout: 'nothing\n', stderr: '' });
  });

  test('a program that no reference value knows is the one that is found', async () => {
    const { agent } = machine;
    await agent.write(NEW_PROGRAM, '#!/bin/sh\necho hello\n', 0o755);
    expect(await agent.run(NEW_PROGRAM, [])).toMatchObject({ code: 0, stdout: 'hello\n' });
    const now = await readMeasurements(agent);
    for (const bank of BANKS) {
      const value = replayImaList(now.imaList, { bank }).pcrs.get(IMA_PCR);
      expect(toHex(value ?? new Uint8Array())).toBe(pcrOf(now, bank, IMA_PCR));
      expect(pcrOf(now, bank, IMA_PCR)).not.toBe(pcrOf(trusted, bank, IMA_PCR));
    }
    expect(unknownFiles(now, references)).toEqual([NEW_PROGRAM]);
    expect(unknownEvents(now, references)).toEqual([]);
    const verdict = await attester.attest(agent, references);
    expect(faultsOf(verdict)).toEqual([
      `Measurement ${IMA_PCR} ${basename(NEW_PROGRAM)} ${NEW_PROGRAM}`,
    ]);
    expect(verdict.ok).toBe(false);
    expect(explain(verdict.result).join(' ')).toContain(basename(NEW_PROGRAM));
  });

  test(
    'another kernel command line is the event that is found',
    async () => {
      await machine.stop();
      machine = await startMachine({ ...options, commandLine: `${IMA} quiet`, reachesHost: true });
      const now = await readMeasurements(machine.agent);
      const log = parseEventLog(now.eventLog);
      for (const [pcr, value] of replay(log, 'SHA-256')) {
        expect(toHex(value), `PCR ${pcr}`).toBe(pcrOf(now, 'SHA-256', pcr));
      }
      expect(unknownEvents(now, references)).toEqual(['9 EV_EVENT_TAG']);
      // What the boot was is in the list, too; all files are the same.
      expect(unknownFiles(now, references)).toEqual(['boot_aggregate']);
      await attester.enroll(machine.agent, tpm);
      const verdict = await attester.attest(machine.agent, references);
      expect(faultsOf(verdict)).toEqual([
        'Measurement 9 EV_EVENT_TAG',
        `Measurement ${IMA_PCR} boot_aggregate boot_aggregate`,
        'TPM 9 EV_EVENT_TAG',
      ]);
      expect(verdict.ok).toBe(false);
    },
    PREPARE_MS,
  );

  test('that guest reaches servers of the host, too', async () => {
    expect(await fetchFromHost(machine)).toMatchObject({ code: 0, stdout: 'from the host\n' });
  });
});

/** What a guest gets from a server on 127.0.0.1 of the host. */
async function fetchFromHost({ agent }: Machine): Promise<Outcome> {
  const server = createServer((_, response) => response.end('from the host'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    return await agent.run('node', ['-e', FETCH, `http://10.0.2.2:${port}/`]);
  } finally {
    server.close();
  }
}

/** Events of a log that have no reference value. */
function unknownEvents(now: Measurements, references: readonly Component[]): readonly string[] {
  const known = digestsOf(references);
  return parseEventLog(now.eventLog)
    .events.filter(({ type }) => type !== EventType.NO_ACTION)
    .filter((event) => !known.has(`${event.pcr} ${toHex(digestOf(event, 'SHA-256') ?? none)}`))
    .map(({ pcr, typeName }) => `${pcr} ${typeName}`);
}

/** Paths of the entries of an IMA list that have no reference value. */
function unknownFiles(now: Measurements, references: readonly Component[]): readonly string[] {
  const known = digestsOf(references);
  return parseImaList(now.imaList, { bank: 'SHA-256' })
    .entries.filter((entry) => {
      const digest = imaEntryDigest(entry, { bank: 'SHA-256' });
      return !known.has(`${entry.pcr} ${toHex(digest)}`);
    })
    .map(({ path }) => path);
}

function digestsOf(components: readonly Component[]): ReadonlySet<string> {
  return new Set(
    components.flatMap(({ hashes = [], properties = [] }) => {
      const index = properties.find(({ name }) => name === 'cmc.index')?.value;
      const sha256 = hashes.filter(({ alg }) => alg === 'SHA-256');
      return sha256.map(({ content }) => `${index} ${toHex(content)}`);
    }),
  );
}

interface Identity {
  readonly certificate: string;
  /** TPMT_PUBLIC. */
  readonly ek: string;
  readonly ak: string;
  readonly name: string;
}

interface Quote {
  readonly attest: string;
  readonly signature: string;
}

function request(template: string, credential: Credential): unknown {
  const { credentialBlob, secret } = credential;
  return { template, credentialBlob: toHex(credentialBlob), secret: toHex(secret) };
}

const none = new Uint8Array();

function pcrOf({ pcrs }: Measurements, bank: HashName, pcr: number): string {
  return toHex(pcrs.get(bank)?.get(pcr) ?? none);
}

/** PCR values, and whether the digests in the list are those of its data. */
function listOutcome(list: Uint8Array): string {
  try {
    const { pcrs, mismatches } = replayImaList(list, { bank: 'SHA-1' });
    return JSON.stringify([[...pcrs].map(([pcr, value]) => [pcr, toHex(value)]), mismatches]);
  } catch (error) {
    if (error instanceof DecodeError) return 'refused';
    throw error;
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ 1;
  expect(equalBytes(changed, bytes)).toBe(false);
  return changed;
}
