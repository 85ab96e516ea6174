import { describe, expect, onTestFinished, test } from 'vitest';
import { codeOf, dial, outcomeOf, pairWithRaw, serve } from './support/ends.ts';
import { fakeCmc, fakeReport } from './support/fake-cmc.ts';
import { otherServerIdentity, serverIdentity } from './support/pki.ts';
import { dialRaw, listenRaw, relay } from './support/raw-peer.ts';

const MUTUAL = 0;

describe.each([
  ['with its own TLS key', otherServerIdentity],
  ['with the stolen TLS key of the server', serverIdentity],
])('somebody in the middle %s', (_, identity) => {
  test('R41 cannot pass on the report of a good server, nor that of a good client', async () => {
    const victim = await serve();
    const middle = await listenRaw({ ...identity, requestCert: true });
    onTestFinished(() => {
      middle.server.close();
    });
    const client = dial(middle.port);
    const towardsClient = await middle.accept();
    const towardsServer = await dialRaw(victim.server);
    relay(towardsClient, towardsServer);
    const [clientEnd, serverEnd] = await Promise.all([outcomeOf(client), victim.next()]);
    expect([codeOf(clientEnd), codeOf(serverEnd)]).toEqual([
      expect.stringMatching(/^ERR_ATLS_PEER_(ATTESTATION|REPORTED)$/),
      expect.stringMatching(/^ERR_ATLS_PEER_(ATTESTATION|REPORTED)$/),
    ]);
  });

  test('R41 R44 cannot use a report that the daemon of a good server makes for another nonce', async () => {
    // The daemon attests for whoever may call it: the nonce of its own connection to the server.
    const oracle = fakeCmc();
    const victim = await serve();
    const middle = await listenRaw({ ...identity, requestCert: true });
    onTestFinished(() => {
      middle.server.close();
    });
    const client = dial(middle.port);
    const towardsClient = await middle.accept();
    const towardsServer = await dialRaw(victim.server);
    const { report } = await oracle.attest({ nonce: towardsServer.exporter('server') });
    towardsClient.send('request', { attest: MUTUAL });
    towardsClient.send('response', { report });
    expect(codeOf(await outcomeOf(client))).toBe('ERR_ATLS_PEER_ATTESTATION');
    towardsServer.socket.destroy();
  });
});

describe.each(['client', 'server'] as const)('our %s', (ours) => {
  test('R41 refuses its own report, reflected', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.send('request', { attest: MUTUAL });
    await raw.receive('request');
    const own = await raw.receive('response');
    raw.send('response', { report: own?.report ?? new Uint8Array() });
    expect(codeOf(await outcome)).toBe('ERR_ATLS_PEER_ATTESTATION');
  });

  test('R41 refuses every message of its own, reflected', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.socket.on('data', (chunk) => raw.socket.write(chunk));
    expect(codeOf(await outcome)).toBe('ERR_ATLS_PEER_ATTESTATION');
  });

  test('R43 refuses a report of an earlier connection between the same peers', async () => {
    const first = await pairWithRaw(ours);
    const stale = first.raw.report();
    await first.raw.handshake(MUTUAL, true);
    expect(codeOf(await first.outcome)).toBe('connected');
    const second = await pairWithRaw(ours);
    second.raw.send('request', { attest: MUTUAL });
    second.raw.send('response', { report: stale });
    expect(codeOf(await second.outcome)).toBe('ERR_ATLS_PEER_ATTESTATION');
  });

  test('R41 refuses a report that is bound to the exporter of its own role', async () => {
    const { raw, outcome } = await pairWithRaw(ours);
    raw.send('request', { attest: MUTUAL });
    raw.send('response', { report: fakeReport(raw.exporter(ours)) });
    expect(codeOf(await outcome)).toBe('ERR_ATLS_PEER_ATTESTATION');
  });
});
