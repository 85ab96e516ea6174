import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toBase64, toHex } from '@cmc/bytes';
import {
  createImaKeyring,
  encodeImaEntry,
  type ImaEntry,
  imaAsciiToBinary,
  imaEntryDigest,
  parseImaList,
} from '@cmc/ima';
import {
  createFakeCa,
  createFakeKeySync,
  type FakeKey,
  flipEachByte,
  vectorsDir,
} from '@cmc/testkit';
import type { HashName } from 'tpm2-ts/verify';
import { beforeAll, describe, expect, test } from 'vitest';
import { attestationResultSchema, decodeStruct, encodeStruct } from '../../src/codec/index.ts';
import { ErrorCode } from '../../src/error-codes.ts';
import type { Artifact, Component } from '../../src/types/report.ts';
import type { DigestResult, MeasurementResult } from '../../src/types/result.ts';
import { imaKeyringOf } from '../../src/verify/evidence/tpm-ima.ts';
import type { Verification } from '../../src/verify/index.ts';
import { parseCertificate } from '../../src/x509/index.ts';
import { createScene, type Scene } from '../support/scene.ts';
import { BOOT, type FakeEvent, fakeTpm, tpmMetadata, tpmReferences } from '../support/tpm.ts';
import { ATTESTATION_KEY } from '../support/tpm-scene.ts';

const vector = (file: string): string => readFileSync(join(vectorsDir(), 'ima', file), 'utf8');
const spki = (file: string): Uint8Array =>
  Uint8Array.from(Buffer.from(vector(file).replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'));
/** RSA 2048 and secp256k1. */
const KEYS = [spki('keylime-signers.1.pem'), spki('keylime-signers.2.pem')];
const ENTRIES = parseImaList(imaAsciiToBinary(vector('ima-sig-keylime-combined.txt')), {
  bank: 'SHA-256',
}).entries;
const entryOf = (path: string): ImaEntry => {
  const entry = ENTRIES.find((each) => each.path === path);
  if (entry === undefined) throw new Error(`no entry of ${path}`);
  return entry;
};
const DD = entryOf('/usr/bin/dd');
const ZMORE = entryOf('/usr/bin/zmore');
const UNSIGNED = entryOf('boot_aggregate');

/** An event of PCR 10, and what the prover says about it. */
interface Measured {
  readonly extended: Uint8Array;
  /** Value of `cmc.ima`, if any. */
  readonly text?: string;
}

/** As a kernel measures, and a driver that is asked for signatures reports. */
function measured(entry: ImaEntry, bank: HashName = 'SHA-256'): Measured {
  const text = encodeImaEntry(entry);
  const extended = imaEntryDigest(entry, { bank });
  return { extended, ...(text === undefined ? {} : { text }) };
}

function withField(entry: ImaEntry, name: string, content: Uint8Array): ImaEntry {
  return { ...entry, fields: new Map([...entry.fields, [name, content] as const]) };
}

function dataOf(entry: ImaEntry): Uint8Array {
  const [, data = ''] = (encodeImaEntry(entry) ?? '').split(' ');
  return Uint8Array.from(Buffer.from(data, 'base64'));
}

interface Case {
  readonly events: readonly Measured[];
  /** Default: both keys. */
  readonly imaKeys?: readonly Uint8Array[] | 'none';
  readonly references?: readonly Component[];
  readonly bank?: HashName;
  readonly pcr?: number;
  /** Whether the rest of the boot is measured as well. Default: true. */
  readonly boot?: boolean;
}

let scene: Scene;
let key: FakeKey;
let certificate: Uint8Array;
beforeAll(async () => {
  scene = await createScene();
  key = createFakeKeySync('EC256');
  ({ certificate } = await scene.ca.issue({ ...ATTESTATION_KEY, key }));
});

async function run(options: Case): Promise<Verification> {
  const { events, imaKeys = KEYS, bank = 'SHA-256', pcr = 10, boot = true } = options;
  const base: Readonly<Record<number, readonly FakeEvent[]>> = boot ? BOOT : { [pcr]: [] };
  const own = events.map(({ extended }, i) => ({ name: `file ${i}`, data: '', extended }));
  const all = { ...base, [pcr]: [...(base[pcr] ?? []), ...own] };
  const withText = (event: Component): Component => {
    const text = events.find((_, i) => event.name === `file ${i}`)?.text;
    if (text === undefined) return event;
    return {
      ...event,
      properties: [...(event.properties ?? []), { name: 'cmc.ima', value: text }],
    };
  };
  const report = await scene.report({
    measurers: [
      fakeTpm({
        key,
        bank,
        certs: [certificate],
        events: all,
        artifacts: (artifacts) =>
          artifacts.map((log): Artifact => ({ ...log, events: (log.events ?? []).map(withText) })),
      }),
    ],
    metadata: tpmMetadata(options.references ?? tpmReferences(base, bank)),
  });
  return await scene.verify(report, imaKeys === 'none' ? {} : { imaKeys });
}

function tpmOf({ result }: Verification): MeasurementResult {
  const measurement = result.measurements?.find(({ type }) => type === 'TPM Result');
  if (measurement === undefined) throw new Error('no TPM result');
  return measurement;
}

/** Refused because an event is unknown, and for nothing else: the quote is over this log. */
async function refused(options: Case): Promise<readonly DigestResult[]> {
  const verification = await run(options);
  expect(verification.ok).toBe(false);
  const tpm = tpmOf(verification);
  expect(tpm.summary.status).toBe('fail');
  expect(tpm.tpmResult?.aggPcrQuoteMatch).toEqual({ status: 'success' });
  const unknown = (tpm.artifacts ?? []).filter(({ success }) => !success);
  expect(unknown.length).toBeGreaterThan(0);
  for (const { type, imaKeyId } of unknown) {
    expect(type).toBe('Measurement');
    expect(imaKeyId).toBeUndefined();
  }
  return unknown;
}

const keyIdOf = (publicKey: Uint8Array): string =>
  [...createImaKeyring([publicKey]).keys][0]?.[0] ?? '';

describe('files with a signature of a key that the verifier names', () => {
  test.each(['SHA-256', 'SHA-384', 'SHA-512'] as const)(
    'R21 are accepted without a reference value in bank %s, and the result says so',
    async (bank) => {
      const events = [measured(DD, bank), measured(ZMORE, bank)];
      const verification = await run({ events, bank });
      expect(verification.result.summary).toEqual({ status: 'success' });
      const signed = (tpmOf(verification).artifacts ?? []).filter(({ imaKeyId }) => imaKeyId);
      expect(signed).toEqual(
        [DD, ZMORE].map((entry, i) => ({
          success: true,
          launched: true,
          type: 'Verified',
          name: ['dd', 'zmore'][i],
          description: entry.path,
          index: 10,
          digest: events[i]?.extended,
          hashAlg: bank,
          imaKeyId: toHex((entry.fields.get('sig') ?? new Uint8Array()).subarray(3, 7)),
        })),
      );
      expect(signed.map(({ imaKeyId }) => imaKeyId)).toEqual(KEYS.map(keyIdOf));
      const match = tpmOf(verification).tpmResult?.pcrMatch?.find(({ index }) => index === 10);
      expect(match).toMatchObject({ success: true });
    },
  );

  test('R21 the result keeps the key id in JSON and CBOR', async () => {
    const { result } = await run({ events: [measured(DD)] });
    for (const serialization of ['json', 'cbor'] as const) {
      const bytes = encodeStruct(attestationResultSchema, result, serialization);
      const { value } = decodeStruct(attestationResultSchema, bytes);
      const ids = value.measurements?.flatMap(({ artifacts = [] }) =>
        (artifacts ?? []).flatMap(({ imaKeyId }) => imaKeyId ?? []),
      );
      expect(ids).toEqual([keyIdOf(KEYS[0] as Uint8Array)]);
    }
  });

  test('R19 are accepted by digest and signature under another path, which the result names', async () => {
    const moved = withField(DD, 'n-ng', new TextEncoder().encode('/tmp/x\0'));
    const verification = await run({ events: [measured(moved), measured(DD)] });
    expect(verification.ok).toBe(true);
    const paths = (tpmOf(verification).artifacts ?? []).filter(({ imaKeyId }) => imaKeyId);
    expect(paths.map(({ description }) => description)).toEqual(['/tmp/x', '/usr/bin/dd']);
  });

  test('a reference value that knows the file wins', async () => {
    const event = { name: 'dd of Debian', data: '', extended: measured(DD).extended };
    const references = [...tpmReferences(), ...tpmReferences({ 10: [event] })];
    const verification = await run({ events: [measured(DD)], references });
    expect(verification.ok).toBe(true);
    const artifact = (tpmOf(verification).artifacts ?? []).at(-1);
    expect(artifact).toMatchObject({ name: 'dd of Debian: file 0', success: true });
    expect(artifact?.imaKeyId).toBeUndefined();
    // One that may be measured once is no file for a signature the second time.
    expect(await refused({ events: [measured(DD), measured(DD)], references })).toHaveLength(1);
  });

  test('certificates serve as keys', async () => {
    const ca = createFakeCa();
    const issued = await ca.issue({ commonName: 'file signer' });
    expect((await run({ events: [measured(DD)], imaKeys: [issued.certificate, ...KEYS] })).ok).toBe(
      true,
    );
    const own = parseCertificate(issued.certificate).spki;
    await refused({ events: [measured(DD)], imaKeys: [issued.certificate, own] });
  });

  test('the same keys are one keyring, in every verification', () => {
    const [first, second] = KEYS as [Uint8Array, Uint8Array];
    const keyring = imaKeyringOf(KEYS);
    expect(imaKeyringOf([first.slice(), second.slice()])).toBe(keyring);
    for (const others of [[first], [second], [second, first, second], []]) {
      const ids = new Set(others.map(keyIdOf));
      expect(new Set(imaKeyringOf(others).keys.keys())).toEqual(ids);
    }
  });

  test('what is no key is a mistake of the caller', async () => {
    for (const bad of [
      new Uint8Array(),
      Uint8Array.of(0x30, 0),
      (KEYS[0] as Uint8Array).slice(1),
    ]) {
      await expect(run({ events: [], imaKeys: [bad] })).rejects.toThrow(RangeError);
    }
  });
});

describe('everything else fails as before', () => {
  test('R21 without the option, and with no keys', async () => {
    for (const imaKeys of ['none', []] as const) {
      const [unknown] = await refused({ events: [measured(DD)], imaKeys });
      expect(unknown).toMatchObject({ name: 'file 0', index: 10 });
    }
  });

  test('R21 a good signature of a key that is not named', async () => {
    const [first, second] = KEYS as [Uint8Array, Uint8Array];
    await refused({ events: [measured(DD)], imaKeys: [second] });
    await refused({ events: [measured(ZMORE)], imaKeys: [first] });
  });

  test('R21 the signature of another file', async () => {
    const other = ZMORE.fields.get('sig') ?? new Uint8Array();
    await refused({ events: [measured(withField(DD, 'sig', other))] });
    const digest = ZMORE.fields.get('d-ng') ?? new Uint8Array();
    await refused({ events: [measured(withField(DD, 'd-ng', digest))] });
    // Nor the entry of a signed file for the event of another.
    await refused({
      events: [{ ...measured(DD), extended: measured(UNSIGNED).extended }],
    });
  });

  test('R21 an entry without a signature, and one without its entry', async () => {
    expect(measured(UNSIGNED).text).toMatch(/^ima-sig /);
    await refused({ events: [measured(UNSIGNED)] });
    await refused({ events: [{ extended: measured(DD).extended }] });
  });

  test('R18 a violation, whatever entry comes with it', async () => {
    const violation = { ...DD, isViolation: true };
    expect(measured(violation).text).toBeUndefined();
    const { text = '' } = measured(DD);
    await refused({ events: [{ ...measured(violation), text }] });
  });

  test('R18 the digest of another bank, also padded as old kernels did', async () => {
    const { text = '' } = measured(DD);
    const padded = imaEntryDigest(DD, { bank: 'SHA-256', paddedSha1: true });
    await refused({ events: [{ extended: padded, text }] });
    const cut = imaEntryDigest(DD, { bank: 'SHA-384' }).subarray(0, 32);
    await refused({ events: [{ extended: cut, text }] });
  });

  test('R21 a file digest that is weaker than SHA-256, whoever signed it', async () => {
    const sha1 = new Uint8Array([...new TextEncoder().encode('sha1:\0'), ...new Uint8Array(20)]);
    const signature = (DD.fields.get('sig') ?? new Uint8Array()).slice();
    for (const hash of [2, 4]) {
      signature[2] = hash;
      const weak = withField(withField(DD, 'd-ng', sha1), 'sig', signature);
      await refused({ events: [measured(weak)] });
    }
  });

  test('a PCR that is not the one of IMA', async () => {
    await refused({ events: [measured(DD)], pcr: 11 });
  });

  test('R16 a report in which only signed files are known', async () => {
    const verification = await run({ events: [measured(DD)], boot: false, references: [] });
    expect(verification.ok).toBe(false);
    const { summary } = tpmOf(verification);
    expect(summary.errorCodes).toContain(ErrorCode.RefValNotPresent);
  });

  test('R22 text that is no entry', async () => {
    const { text = '', extended } = measured(DD);
    const [template = '', data = ''] = text.split(' ');
    for (const bad of [
      '',
      template,
      `${template} `,
      ` ${data}`,
      `${text} `,
      `${text} ${data}`,
      `ima ${data}`,
      `ima-ng ${data}`,
      `sig|n-ng|d-ng ${data}`,
      `${template} ${data}AAAA`,
      `${template} ${'A'.repeat(1 << 16)}`,
    ]) {
      await refused({ events: [{ extended, text: bad }] });
    }
  });
});

describe('every byte counts', () => {
  test.each([
    ['RSA', DD],
    ['EC', ZMORE],
  ])(
    'R21 of an entry that is not what was extended (%s)',
    async (_, entry) => {
      const { extended } = measured(entry);
      for (const { bytes } of flipEachByte(dataOf(entry))) {
        await refused({ events: [{ extended, text: `ima-sig ${toBase64(bytes)}` }] });
      }
    },
    120_000,
  );

  test.each([
    ['RSA', DD],
    ['EC', ZMORE],
  ])(
    'R21 of digest and signature that were extended like that (%s)',
    async (_, entry) => {
      for (const name of ['d-ng', 'sig']) {
        const field = entry.fields.get(name) ?? new Uint8Array();
        for (const { bytes } of flipEachByte(field)) {
          const changed = withField(entry, name, bytes);
          const text = `ima-sig ${toBase64(rawData(changed))}`;
          await refused({
            events: [{ extended: imaEntryDigest(changed, { bank: 'SHA-256' }), text }],
          });
        }
      }
    },
    120_000,
  );

  test('R22 after 16 wrong signatures of known keys no more are tried, what is known stays', async () => {
    const forged = Array.from({ length: 16 }, (_, i) => {
      const signature = (DD.fields.get('sig') ?? new Uint8Array()).slice();
      signature[20] = (signature[20] ?? 0) ^ (i + 1);
      return measured(withField(DD, 'sig', signature));
    });
    const around = (wrong: readonly Measured[]): Case => ({
      events: [measured(DD), ...wrong, measured(ZMORE), measured(DD)],
    });
    expect(await refused(around(forged.slice(1)))).toHaveLength(15);
    const unknown = await refused(around(forged));
    expect(unknown.map(({ name }) => name).at(-1)).toBe('file 17');
    expect(unknown).toHaveLength(17);
  });
});

/** Template data, whatever is in it. */
function rawData({ fields }: ImaEntry): Uint8Array {
  return Uint8Array.from(
    [...fields.values()].flatMap((field) => {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, field.length, true);
      return [...length, ...field];
    }),
  );
}
