import { createTestbed } from '@cmc/testbed';
import { describe, expect, test } from 'vitest';
import { APIS, serve } from './support/apis.ts';
import { createPartyCmc, recorded } from './support/in-process.ts';
import { meet } from './support/meet.ts';

const testbeds = {
  json: await createTestbed({ serialization: 'json' }),
  cbor: await createTestbed({ serialization: 'cbor' }),
};

describe.each(APIS)('$title', (api) => {
  test.each([
    ['64 KiB', 64 * 1024],
    ['1 MiB', 1024 * 1024],
  ])('two peers whose reports are larger than %s get connected', async (_, bytes) => {
    const testbed = testbeds[api.serialization];
    const daemon = async (name: string) => {
      const party = await testbed.party(name, { paddingBytes: bytes });
      const { cmc, verified } = recorded(await createPartyCmc(testbed, party));
      return { cmc: await serve(cmc, api), verified };
    };
    const [server, client] = [await daemon('server'), await daemon('client')];
    const sides = await meet({
      testbed,
      clientCertificate: true,
      server: { cmc: server.cmc },
      client: { cmc: client.cmc },
    });
    expect([sides.server.code, sides.client.code]).toStrictEqual(['connected', 'connected']);
    for (const { verified } of [server, client]) {
      expect(verified).toHaveLength(1);
      expect(verified[0]?.report.length).toBeGreaterThan(bytes);
    }
  });
});
