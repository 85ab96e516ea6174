import {
  lutimes,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact, Component } from '@cmc/attestationreport';
import {
  artifactSchema,
  decodeReport,
  decodeStruct,
  encodeStruct,
} from '@cmc/attestationreport/codec';
import { encodeUtf8 } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { MAX_LOG_BYTES, MAX_LOG_EVENTS, openContainerLog } from '../../src/index.ts';
import { containerEvent } from '../support/events.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const coded = (code: string): unknown => expect.objectContaining({ code });
const newPath = async (): Promise<string> => join(await temporaryFolder(), 'container.log');
const names = (log: Artifact | undefined): readonly string[] =>
  (log?.events ?? []).map(({ name }) => name);

describe('append', () => {
  test('records events in order, once each, and only the log stays in the folder', async () => {
    const path = await newPath();
    const log = openContainerLog({ path });
    expect(await log.read()).toBeUndefined();
    expect(await log.append(containerEvent('b'))).toBe('appended');
    expect(await log.append(containerEvent('a'))).toBe('appended');
    expect(await log.append({ ...containerEvent('b'), name: 'the same under another name' })).toBe(
      'known',
    );
    expect(await log.read()).toEqual({
      type: 'SW Eventlog',
      index: 0,
      events: [containerEvent('b'), containerEvent('a')],
    });
    expect(await readdir(join(path, '..'))).toEqual(['container.log']);
    expect((await stat(path)).mode & 0o777).toBe(0o644);
  });

  test('writes the JSON that the reference reads', async () => {
    const path = await newPath();
    await openContainerLog({ path }).append(containerEvent('a', 3));
    const log = JSON.parse(await readFile(path, 'utf8'));
    expect(log).toEqual({
      type: 'SW Eventlog',
      index: 3,
      events: [
        {
          type: 'application',
          name: 'a',
          hashes: [{ alg: 'SHA-256', content: expect.stringMatching(/^[0-9a-f]{64}$/) }],
          properties: [{ name: 'cmc.index', value: '3' }],
          ctrData: {
            configSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
            rootfsSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          },
        },
      ],
    });
  });

  test('50 at the same time through two logs lose nothing and keep each order', async () => {
    const path = await newPath();
    const logs = [openContainerLog({ path }), openContainerLog({ path })];
    const appends = Array.from({ length: 50 }, (_, i) =>
      logs[i % 2]?.append(containerEvent(String(i))),
    );
    expect(await Promise.all(appends)).toEqual(appends.map(() => 'appended'));
    const recorded = names(await openContainerLog({ path }).read()).map(Number);
    expect(recorded.filter((i) => i % 2 === 0)).toEqual(
      Array.from({ length: 25 }, (_, i) => 2 * i),
    );
    expect(recorded.filter((i) => i % 2 === 1)).toEqual(
      Array.from({ length: 25 }, (_, i) => 2 * i + 1),
    );
  });

  test('an append that fails does not stop the next', async () => {
    const log = openContainerLog({ path: await newPath() });
    const [first, second, third] = await Promise.allSettled([
      log.append(containerEvent('a')),
      log.append(containerEvent('b', 1)),
      log.append(containerEvent('c')),
    ]);
    expect([first.status, second.status, third.status]).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(names(await log.read())).toEqual(['a', 'c']);
  });

  test('an event of another index is refused', async () => {
    const path = await newPath();
    const log = openContainerLog({ path, index: 11 });
    await expect(log.append(containerEvent('a', 10))).rejects.toEqual(
      coded('ERR_CONTAINER_LOG_INDEX'),
    );
    expect(await log.read()).toBeUndefined();
    await log.append(containerEvent('a', 11));
    await expect(openContainerLog({ path }).append(containerEvent('b', 10))).rejects.toEqual(
      coded('ERR_CONTAINER_LOG_INDEX'),
    );
    expect(names(await log.read())).toEqual(['a']);
  });

  test('an event without index or without one SHA-256 hash, or with other data, is refused', async () => {
    const log = openContainerLog({ path: await newPath() });
    const good = containerEvent('a');
    const hash = { alg: 'SHA-256', content: new Uint8Array(32) };
    const index = (value: string): Pick<Component, 'properties'> => ({
      properties: [{ name: 'cmc.index', value }],
    });
    const { ctrData, hashes, properties, ...rest } = good;
    for (const bad of [
      rest,
      { ...good, hashes: [] },
      { ...good, hashes: [{ alg: 'SHA-384', content: new Uint8Array(48) }] },
      { ...rest, ...index('0'), hashes: [{ alg: 'SHA-256', content: new Uint8Array(31) }] },
      { ...rest, ...index('0'), hashes: [hash, hash] },
      { ...good, properties: [] },
      { ...good, properties: [...(properties ?? []), ...(properties ?? [])] },
      ...['', '-1', '1.5', '0x1', ' 1', '01', '1e3', '4294967296', 'NaN'].map((value) => ({
        ...good,
        ...index(value),
      })),
      { ...good, hashes: [hash] },
      { ...good, ctrData: { configSha256: new Uint8Array(), rootfsSha256: new Uint8Array(64) } },
    ]) {
      await expect(log.append(bad)).rejects.toEqual(coded('ERR_CONTAINER_LOG_EVENT'));
    }
    expect(await log.read()).toBeUndefined();
    expect(await log.append({ ...rest, ...index('4294967295'), hashes: [hash] })).toBe('appended');
  });

  test('a log that is full refuses events and stays as it is', async () => {
    const path = await newPath();
    const log = openContainerLog({ path });
    const many = Array.from({ length: MAX_LOG_EVENTS }, (_, i) => containerEvent(String(i)));
    const full = { type: 'SW Eventlog', index: 0, events: many };
    await writeFile(path, encodeStruct(artifactSchema, full, 'json'));
    await expect(log.append(containerEvent('one more'))).rejects.toEqual(
      coded('ERR_CONTAINER_LOG_LIMIT'),
    );
    expect(await log.append(containerEvent('0'))).toBe('known');
    expect((await log.read())?.events).toHaveLength(MAX_LOG_EVENTS);

    await writeFile(path, encodeStruct(artifactSchema, { ...full, events: [] }, 'json'));
    const large = { ...containerEvent('large'), description: 'x'.repeat(MAX_LOG_BYTES) };
    await expect(log.append(large)).rejects.toEqual(coded('ERR_CONTAINER_LOG_LIMIT'));
    expect(names(await log.read())).toEqual([]);
  });

  test('an aborted signal stops it before anything is written', async () => {
    const log = openContainerLog({ path: await newPath() });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(log.append(containerEvent('a'), { signal })).rejects.toThrow('enough');
    await expect(log.read({ signal })).rejects.toThrow('enough');
    expect(await log.read()).toBeUndefined();
  });

  test('fails when the folder is missing', async () => {
    const log = openContainerLog({ path: join(await temporaryFolder(), 'missing', 'log') });
    await expect(log.append(containerEvent('a'))).rejects.toEqual(coded('ENOENT'));
  });
});

describe('read', () => {
  const report = async (): Promise<Artifact> => {
    const bytes = await readFile(join(vectorsDir(), 'report/report.json'));
    const collateral = decodeReport(bytes).report.context.collateral ?? [];
    const [log] = collateral.find(({ type }) => type === 'SW Evidence')?.artifacts ?? [];
    if (log === undefined) throw new Error('the vector has no container log');
    return log;
  };

  test.each(['json', 'cbor'] as const)(
    'the log of the reference in %s, and appends',
    async (form) => {
      const path = await newPath();
      await writeFile(path, encodeStruct(artifactSchema, await report(), form));
      const log = openContainerLog({ path });
      expect(await log.read()).toEqual(await report());
      expect(await log.append(containerEvent('another'))).toBe('appended');
      expect(names(await log.read())).toEqual(['sample-app', 'another']);
      expect(decodeStruct(artifactSchema, await readFile(path)).serialization).toBe('json');
    },
  );

  test('what is no container log is refused, and never overwritten', async () => {
    const path = await newPath();
    const log = openContainerLog({ path });
    const good = encodeStruct(
      artifactSchema,
      { type: 'SW Eventlog', index: 0, events: [containerEvent('a')] },
      'json',
    );
    for (const bytes of [
      new Uint8Array(),
      good.subarray(0, -1),
      encodeUtf8('{"type":"PCR Eventlog","index":0}'),
      encodeUtf8('{"type":"SW Eventlog","index":0,"events":[{"type":"","name":"x"}]}'),
      encodeUtf8('{"type":"SW Eventlog","index":0,"index":1}'),
      encodeUtf8('[]'),
      Uint8Array.of(0xff),
    ]) {
      await writeFile(path, bytes);
      await expect(log.read()).rejects.toEqual(coded('ERR_CONTAINER_LOG_FORMAT'));
      await expect(log.append(containerEvent('b'))).rejects.toEqual(
        coded('ERR_CONTAINER_LOG_FORMAT'),
      );
      expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array(bytes));
    }
  });

  test('sees at once what others write', async () => {
    const path = await newPath();
    const [log, other] = [openContainerLog({ path }), openContainerLog({ path })];
    for (const name of ['a', 'b', 'c']) {
      await other.append(containerEvent(name));
      expect(names(await log.read()).at(-1)).toBe(name);
      expect(await log.read()).toEqual(await other.read());
    }
    // Of the same length, and in place, as no CMC writes.
    await writeFile(path, (await readFile(path, 'utf8')).replace('"c"', '"C"'));
    expect(names(await log.read())).toEqual(['a', 'b', 'C']);
    await rm(path);
    expect(await log.read()).toBeUndefined();
  });

  test('a file that is too large is refused before it is read', async () => {
    const path = await newPath();
    await writeFile(path, new Uint8Array(MAX_LOG_BYTES + 1));
    await expect(openContainerLog({ path }).read()).rejects.toEqual(
      coded('ERR_CONTAINER_LOG_LIMIT'),
    );
  });
});

describe('lock', () => {
  test('one whose owner is dead, or that is old, is taken over', async () => {
    const path = await newPath();
    const log = openContainerLog({ path });
    await writeFile(join(path, '..', '.container.log.0123456789ab.tmp~'), '{"type":');
    // The highest process id there can be, hence none.
    await symlink(`${await readlink('/proc/self/ns/pid')}/4194304/1/dead`, `${path}.lock`);
    expect(await log.append(containerEvent('a'))).toBe('appended');

    await symlink('elsewhere/1/1/old', `${path}.lock`);
    const longAgo = new Date(Date.now() - 31_000);
    await lutimes(`${path}.lock`, longAgo, longAgo);
    expect(await log.append(containerEvent('b'))).toBe('appended');
    expect(await readdir(join(path, '..'))).toEqual(['container.log']);
  });

  test('one that is held makes others wait, at most ten seconds', { timeout: 15_000 }, async () => {
    const path = await newPath();
    const log = openContainerLog({ path });
    await symlink('elsewhere/1/1/other', `${path}.lock`);
    const signal = AbortSignal.timeout(200);
    await expect(log.append(containerEvent('a'), { signal })).rejects.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/TimeoutError|AbortError/) }),
    );
    await expect(log.append(containerEvent('a'))).rejects.toEqual(coded('ERR_CONTAINER_LOG_BUSY'));
    expect(await log.read()).toBeUndefined();
  });
});
