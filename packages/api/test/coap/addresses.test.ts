import { describe, expect, test, vi } from 'vitest';
import { createCoapClient } from '../../src/coap/client.ts';
import { serveCoap } from '../../src/coap/server.ts';
import { fakeCmc } from '../fake-cmc.ts';

const addresses = vi.hoisted(() => ({ list: [] as { address: string; family: number }[] }));
vi.mock('node:dns/promises', async (original) => ({
  ...(await original<typeof import('node:dns/promises')>()),
  lookup: async (host: string, options?: { all?: boolean }) => {
    if (host === 'nowhere.test') throw new Error('not found');
    return options?.all === true ? addresses.list : addresses.list[0];
  },
}));

const ipv4 = { address: '127.0.0.1', family: 4 };
const ipv6 = { address: '::1', family: 6 };

async function outcome(host: string): Promise<unknown> {
  addresses.list = [ipv4];
  const cmc = fakeCmc();
  await using server = await serveCoap(cmc, { address: '127.0.0.1:0' });
  addresses.list = host === 'both.test' ? [ipv6, ipv4] : host === 'none.test' ? [] : [ipv6];
  const port = server.address.slice(server.address.lastIndexOf(':') + 1);
  await using client = createCoapClient({ address: `${host}:${port}` });
  return await client.updateCerts().catch((error: unknown) => error);
}

describe('a client of a host name', () => {
  test('goes on to the next address when nobody is at the first', async () => {
    expect(await outcome('both.test')).toEqual({ success: true });
  });

  test('says that nobody is there when the addresses are used up', async () => {
    expect(await outcome('one.test')).toMatchObject({ code: 'ERR_API_UNAVAILABLE' });
  });

  test('refuses a name without an address', async () => {
    expect(await outcome('none.test')).toMatchObject({ code: 'ERR_API_ADDRESS' });
    expect(await outcome('nowhere.test')).toMatchObject({ code: 'ERR_API_ADDRESS' });
  });

  test('R44 the server refuses a name that is not of this machine', async () => {
    addresses.list = [{ address: '192.0.2.1', family: 4 }];
    await expect(serveCoap(fakeCmc(), { address: 'far.test:0' })).rejects.toMatchObject({
      code: 'ERR_API_ADDRESS',
    });
  });
});
