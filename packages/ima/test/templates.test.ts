import { createHash } from 'node:crypto';
import { CmcError, concatBytes, encodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { type ImaEntry, imaAsciiToBinary, parseImaList, replayImaList } from '../src/index.ts';
import { digestField, hashOf, nul, writeEntry } from './list-writer.ts';

const FILE = encodeUtf8('#!/bin/sh\n');
const SHA256 = hashOf('sha256', FILE);
const NG = digestField('sha256', SHA256);
const SIG = fromHex('030204aabbccdd000401020304');
const NONE = new Uint8Array(0);
const NAME = nul('/bin/run');
const hex = (bytes: Uint8Array): string => toHex(bytes);

interface Case {
  readonly template: string;
  readonly fields: readonly Uint8Array[];
  /** As the kernel prints the fields. */
  readonly text: string;
  readonly digest?: ImaEntry['digest'];
}

const CASES: readonly Case[] = [
  {
    template: 'ima-ng',
    fields: [NG, NAME],
    text: `sha256:${hex(SHA256)} /bin/run`,
  },
  {
    template: 'ima-ngv2',
    fields: [digestField('ima:sha256', SHA256), NAME],
    text: `ima:sha256:${hex(SHA256)} /bin/run`,
    digest: { type: 'ima', algorithm: 'sha256', value: SHA256 },
  },
  {
    template: 'ima-sigv2',
    fields: [digestField('verity:sha512', hashOf('sha512', FILE)), NAME, SIG],
    text: `verity:sha512:${hex(hashOf('sha512', FILE))} /bin/run ${hex(SIG)}`,
    digest: { type: 'verity', algorithm: 'sha512', value: hashOf('sha512', FILE) },
  },
  {
    template: 'ima-sig',
    fields: [NG, NAME, NONE],
    text: `sha256:${hex(SHA256)} /bin/run `,
  },
  {
    template: 'ima-buf',
    fields: [NG, nul('kexec-cmdline'), FILE],
    text: `sha256:${hex(SHA256)} kexec-cmdline ${hex(FILE)}`,
  },
  {
    template: 'ima-modsig',
    fields: [NG, NAME, NONE, digestField('sha512', hashOf('sha512', FILE)), fromHex('3082')],
    text: `sha256:${hex(SHA256)} /bin/run  sha512:${hex(hashOf('sha512', FILE))} 3082`,
  },
  {
    template: 'ima-modsig',
    fields: [NG, NAME, SIG, NONE, NONE],
    text: `sha256:${hex(SHA256)} /bin/run ${hex(SIG)}  `,
  },
  {
    template: 'evm-sig',
    fields: [
      NG,
      NAME,
      fromHex('050204aabbccdd00020102'),
      nul('security.selinux|security.ima'),
      fromHex('0300000002000000'),
      fromHex('6162630304'),
      fromHex('e8030000'),
      fromHex('64000000'),
      fromHex('ed81'),
    ],
    text:
      `sha256:${hex(SHA256)} /bin/run 050204aabbccdd00020102 security.selinux|security.ima ` +
      '0300000002000000 6162630304 1000 100 33261',
  },
  {
    // No file, so nothing to say of its attributes.
    template: 'evm-sig',
    fields: [NG, nul('boot_aggregate'), NONE, NONE, NONE, NONE, NONE, NONE, NONE],
    text: `sha256:${hex(SHA256)} boot_aggregate       `,
  },
  {
    template: 'd|n',
    fields: [hashOf('sha1', FILE), NAME],
    text: `${hex(hashOf('sha1', FILE))} /bin/run`,
    digest: { algorithm: 'sha1', value: hashOf('sha1', FILE) },
  },
  {
    template: 'd-ngv2|n-ng|imode|buf',
    fields: [digestField('ima:sha256', SHA256), NAME, fromHex('ed81'), FILE],
    text: `ima:sha256:${hex(SHA256)} /bin/run 33261 ${hex(FILE)}`,
    digest: { type: 'ima', algorithm: 'sha256', value: SHA256 },
  },
];

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof CmcError) return error.code;
    throw error;
  }
  return 'accepted';
};
const codeOfEntry = (template: string, ...fields: readonly Uint8Array[]): string =>
  codeOf(() => replayImaList(writeEntry({ template, fields }), { bank: 'SHA-256' }));

describe.each(CASES)('$template $text', ({ template, fields, text, digest }) => {
  const binary = writeEntry({ template, fields });

  test('has its fields, digest and path, and the digest of its data is extended', () => {
    const { entries, state } = parseImaList(binary, {
      bank: 'SHA-256',
      checkTemplateDigests: true,
    });
    const [entry] = entries;
    expect(entries).toHaveLength(1);
    expect(entry).toMatchObject({ template, isViolation: false, pcr: 10 });
    expect(entry?.path).toBe(text.split(' ')[1]);
    expect(entry?.digest).toEqual(digest ?? { algorithm: 'sha256', value: SHA256 });
    expect([...(entry?.fields.values() ?? [])]).toEqual(fields);
    expect(state.mismatches).toBe(0);
    const data = concatBytes(
      ...fields.flatMap((field) => [new Uint8Array(Uint32Array.of(field.length).buffer), field]),
    );
    const extended = createHash('sha256').update(new Uint8Array(32)).update(hashOf('sha256', data));
    expect(toHex(state.pcrs.get(10) ?? NONE)).toBe(extended.digest('hex'));
  });
  test('has this text form', () => {
    const logged = toHex(binary.subarray(4, 24));
    expect(toHex(imaAsciiToBinary(`10 ${logged} ${template} ${text}\n`))).toBe(toHex(binary));
  });
});

test('the first template has no lengths and hashes a name of 256 bytes', () => {
  const digest = hashOf('sha1', FILE);
  const hashed = new Uint8Array(20 + 256);
  hashed.set(digest);
  hashed.set(encodeUtf8('/bin/run'), 20);
  const text = `10 ${toHex(hashOf('sha1', hashed))} ima ${toHex(digest)} /bin/run\n`;
  const { entries, state } = parseImaList(imaAsciiToBinary(text), { bank: 'SHA-1' });
  expect(entries[0]).toMatchObject({ path: '/bin/run', digest: { value: digest } });
  expect(state.mismatches).toBe(0);
});

test('numbers are read in the byte order of the list', () => {
  const fields = [NG, NAME, fromHex('81ed')];
  const list = writeEntry({ template: 'd-ng|n-ng|imode', fields, endianness: 'big' });
  const { entries } = parseImaList(list, { bank: 'SHA-256', endianness: 'big' });
  expect(entries[0]?.fields.get('imode')).toEqual(fromHex('81ed'));
});

test.each([
  'sig|n-ng|d-ng',
  'n-ng|d-ng',
  'd-modsig|n-ng',
  'd-ng|n-ng|d-ng',
  'd-ng|n-ng|d-ngv2',
  'd-ng|n-ng|sig|sig',
  'd-ng|n-ng|other',
  'd-ng|n-ng|',
  'ima-next',
])('R13 refuses template %s: its name is not measured, so the digest stands first', (template) => {
  const fields = template.split('|').map((name) => (name === 'n-ng' ? NAME : NG));
  expect(codeOfEntry(template, ...fields)).toBe('ERR_DECODE_VALUE');
});

test('R18 refuses digests with a wrong type, a type too many, or none where one belongs', () => {
  const typed = (name: string): Uint8Array => digestField(name, SHA256);
  expect(codeOfEntry('ima-ngv2', typed('ima:sha256'), NAME)).toBe('accepted');
  for (const name of ['sha256', 'evm:sha256', ':sha256', 'ima:ima:sha256', 'ima:sha512']) {
    expect(codeOfEntry('ima-ngv2', typed(name), NAME)).toBe('ERR_DECODE_VALUE');
  }
  expect(codeOfEntry('ima-ng', typed('verity:sha256'), NAME)).toBe('ERR_DECODE_VALUE');
  expect(codeOfEntry('ima-ng', typed('sha3-384'), NAME)).toBe('ERR_DECODE_VALUE');
});

test('R18 refuses an empty file digest and numbers of the wrong size', () => {
  expect(codeOfEntry('ima-ng', NONE, NAME)).toBe('ERR_DECODE_VALUE');
  expect(codeOfEntry('ima-ngv2', NONE, NAME)).toBe('ERR_DECODE_VALUE');
  expect(codeOfEntry('d|n', NONE, NAME)).toBe('ERR_DECODE_VALUE');
  expect(codeOfEntry('d-ng|iuid', NG, fromHex('0102'))).toBe('ERR_DECODE_VALUE');
  expect(codeOfEntry('d-ng|imode', NG, fromHex('01020304'))).toBe('ERR_DECODE_VALUE');
  expect(codeOfEntry('d-ng|imode', NG, fromHex('0102'))).toBe('accepted');
});
