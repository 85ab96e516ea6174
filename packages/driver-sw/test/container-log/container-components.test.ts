import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '@cmc/attestationreport';
import { decodeReport } from '@cmc/attestationreport/codec';
import { toHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  createContainerEvent,
  createReferenceComponent,
  hashRootfs,
  openContainerLog,
} from '../../src/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const read = (name: string): Promise<Buffer> => readFile(join(vectorsDir(), 'report', name));
const containerId = '0123456789abcdef'.repeat(4);
const rootfs = new Uint8Array(32).fill(7);
const config = (changes: JsonObject = {}): string =>
  JSON.stringify({
    ociVersion: '1.2.0',
    hostname: containerId.slice(0, 12),
    process: { user: { uid: 0, gid: 0 }, args: ['/app', containerId], cwd: '/', terminal: true },
    root: { path: `/run/${containerId}/rootfs` },
    ...changes,
  });

describe('createContainerEvent', () => {
  test('makes the event of the reference from its configuration and files', async () => {
    const collateral = decodeReport(await read('report.json')).report.context.collateral ?? [];
    const [log] = collateral.find(({ type }) => type === 'SW Evidence')?.artifacts ?? [];
    const [event] = log?.events ?? [];
    const expected = JSON.parse(String(await read('expected-values.json')));
    const made = await createContainerEvent({
      name: 'sample-app',
      config: JSON.stringify(event?.ctrData?.ociSpec),
      containerId,
      rootfs: event?.ctrData?.rootfsSha256 ?? new Uint8Array(),
    });
    expect(made).toEqual(event);
    expect(toHex(made.ctrData?.configSha256 ?? new Uint8Array())).toBe(
      expected.ociMeasuredConfigSha256,
    );
    expect(toHex(made.hashes?.[0]?.content ?? new Uint8Array())).toBe(expected.templateHash);
  });

  test('does not depend on what differs between two starts, and on everything else', async () => {
    const hashOf = async (text: string, id = containerId, files = rootfs): Promise<string> => {
      const event = await createContainerEvent({
        name: 'x',
        config: text,
        containerId: id,
        rootfs: files,
      });
      return toHex(event.hashes?.[0]?.content ?? new Uint8Array());
    };
    const otherId = 'fedcba9876543210'.repeat(4);
    const first = await hashOf(config());
    const again = config()
      .replaceAll(containerId, otherId)
      .replaceAll(containerId.slice(0, 12), otherId.slice(0, 12));
    expect(await hashOf(again, otherId)).toBe(first);
    for (const other of [
      hashOf(
        config({ process: { user: { uid: 1, gid: 0 }, args: ['/app', containerId], cwd: '/' } }),
      ),
      hashOf(config({ mounts: [{ destination: '/host', source: '/' }] })),
      hashOf(
        config(),
        containerId,
        rootfs.map((byte) => byte + 1),
      ),
    ]) {
      expect(await other).not.toBe(first);
    }
  });

  test('can be appended to a log, with the index that it was given', async () => {
    const log = openContainerLog({ path: join(await temporaryFolder(), 'log'), index: 11 });
    const event = await createContainerEvent({
      name: 'x',
      config: config(),
      containerId,
      rootfs,
      index: 11,
    });
    expect(await log.append(event)).toBe('appended');
    expect(await log.append(event)).toBe('known');
    expect((await log.read())?.events).toEqual([event]);
  });

  test('what is no runtime configuration is refused', async () => {
    for (const text of ['', '[]', '{}', '{"ociVersion":1}', 'null']) {
      await expect(
        createContainerEvent({ name: 'x', config: text, containerId, rootfs }),
      ).rejects.toEqual(expect.objectContaining({ code: expect.stringMatching(/^ERR_DECODE_/) }));
    }
  });

  test('hashes a folder with the options of hashRootfs', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), 'x');
    const options = {
      name: 'x',
      config: config(),
      containerId,
      rootfs: folder,
      insecureIgnoreCapabilities: true,
    };
    expect((await createContainerEvent(options)).ctrData?.rootfsSha256).toEqual(
      await hashRootfs(folder, { insecureIgnoreCapabilities: true }),
    );
  });
});

describe('createReferenceComponent', () => {
  test('has the hash of the files, trust anchor SW and the data of the event', async () => {
    const options = { name: 'x', config: config(), containerId, rootfs, index: 2 };
    const event = await createContainerEvent(options);
    expect(await createReferenceComponent(options)).toEqual({
      type: 'application',
      name: 'x',
      hashes: [{ alg: 'SHA-256', content: rootfs }],
      properties: [
        { name: 'cmc.ta', value: 'SW' },
        { name: 'cmc.index', value: '2' },
      ],
      ctrData: event.ctrData,
    });
    expect(await createReferenceComponent({ ...options, optional: true })).toMatchObject({
      optional: true,
    });
  });
});
