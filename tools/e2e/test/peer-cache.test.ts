import { createHash } from 'node:crypto';
import { createTestbed, type Party, type Testbed } from '@cmc/testbed';
import { describe, expect, test } from 'vitest';
import { APIS, type Api, serve } from './support/apis.ts';
import { createPartyCmc, recorded } from './support/in-process.ts';
import { errorCodesIn, meet } from './support/meet.ts';

const MANIFEST_OUTDATED = 88;
const HOUR_MS = 3_600_000;

const testbeds = {
  json: await createTestbed({ serialization: 'json' }),
  cbor: await createTestbed({ serialization: 'cbor' }),
};

function digestsOf({ metadata }: Party): string[] {
  return metadata.map((item) => createHash('sha256').update(item).digest('hex')).sort();
}

/** A daemon whose metadata can change, and what it was asked. */
async function startDaemon(testbed: Testbed, party: Party, api: Api) {
  let { metadata } = party;
  const local = await createPartyCmc(testbed, party, { load: async () => metadata });
  const { cmc, attested, verified } = recorded(local);
  return {
    cmc: await serve(cmc, api),
    party,
    /** What the peer said that it has already, in the last connection. */
    announced: () => [...(attested.at(-1)?.cached ?? [])].sort(),
    /** Bytes of the peer's report in the last connection. */
    peerReportBytes: () => verified.at(-1)?.report.length ?? 0,
    change: async (changed: Party) => {
      ({ metadata } = changed);
      await local.updateMetadata();
    },
  };
}

describe.each(APIS)('$title', (api) => {
  const testbed = testbeds[api.serialization];

  async function startBoth() {
    const [serverParty, clientParty] = [
      await testbed.party('server'),
      await testbed.party('client'),
    ];
    const server = await startDaemon(testbed, serverParty, api);
    const client = await startDaemon(testbed, clientParty, api);
    const connectAgain = async (clientCertificate = true) => {
      const sides = { server: { cmc: server.cmc }, client: { cmc: client.cmc } };
      return await meet({ testbed, clientCertificate, ...sides });
    };
    return { server, client, connectAgain };
  }

  test('the second report leaves out the metadata that the verifier announces', async () => {
    const { server, client, connectAgain } = await startBoth();
    expect(await connectAgain()).toMatchObject({ client: { code: 'connected' } });
    const first = [server.peerReportBytes(), client.peerReportBytes()];
    expect([server.announced(), client.announced()]).toStrictEqual([[], []]);

    expect(await connectAgain()).toMatchObject({ client: { code: 'connected' } });
    const second = [server.peerReportBytes(), client.peerReportBytes()];
    expect(server.announced()).toStrictEqual(digestsOf(server.party));
    expect(client.announced()).toStrictEqual(digestsOf(client.party));
    for (const [i, { party }] of [client, server].entries()) {
      const metadataBytes = party.metadata.reduce((sum, item) => sum + item.length, 0);
      // What is left out, but for the digests in its place.
      expect((first[i] ?? 0) - (second[i] ?? 0)).toBeGreaterThan(metadataBytes * 0.9);
    }
  });

  test('metadata that changed in between is sent, accepted and announced from then on', async () => {
    const { server, client, connectAgain } = await startBoth();
    await connectAgain();
    const first = client.peerReportBytes();
    const old = server.party;
    const changed = await testbed.party('server', { version: new Date(Date.now() + HOUR_MS) });
    await server.change(changed);

    expect(await connectAgain()).toMatchObject({ client: { code: 'connected' } });
    expect(server.announced()).toStrictEqual(digestsOf(old));
    expect(client.peerReportBytes()).toBeGreaterThan(first * 0.9);

    expect(await connectAgain()).toMatchObject({ client: { code: 'connected' } });
    expect(server.announced()).toStrictEqual(digestsOf(changed));
    expect(client.peerReportBytes()).toBeLessThan(first / 2);
  });

  test('R35 metadata older than what was accepted before is refused', async () => {
    const { server, connectAgain } = await startBoth();
    const old = server.party;
    await server.change(await testbed.party('server', { version: new Date(Date.now() + HOUR_MS) }));
    expect(await connectAgain()).toMatchObject({ client: { code: 'connected' } });
    await server.change(old);
    const { client } = await connectAgain();
    expect(client.code).toBe('ERR_ATLS_PEER_ATTESTATION');
    expect(errorCodesIn(client.error?.result)).toContain(MANIFEST_OUTDATED);
  });

  test('R37 a report that was refused leaves nothing in the cache', async () => {
    const { server, connectAgain } = await startBoth();
    const good = server.party;
    await server.change(await testbed.party('server', { variant: 'extraComponent' }));
    expect(await connectAgain()).toMatchObject({ client: { code: 'ERR_ATLS_PEER_ATTESTATION' } });
    await server.change(good);
    expect(await connectAgain()).toMatchObject({ client: { code: 'connected' } });
    expect(server.announced()).toStrictEqual([]);
  });

  test('nothing is announced to clients without certificates, who share no cache', async () => {
    const { server, client, connectAgain } = await startBoth();
    await connectAgain(false);
    const first = server.peerReportBytes();
    expect(await connectAgain(false)).toMatchObject({ client: { code: 'connected' } });
    expect(client.announced()).toStrictEqual([]);
    expect(Math.abs(server.peerReportBytes() - first)).toBeLessThan(first * 0.05);
    // The server has a certificate.
    expect(server.announced()).toStrictEqual(digestsOf(server.party));
  });
});
