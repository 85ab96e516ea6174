import type { AttestationMode, Role } from '@cmc/attested-tls';
import { createTestbed, type PartyVariant, type Testbed } from '@cmc/testbed';
import { describe, expect, test } from 'vitest';
import { APIS, type Api, serve } from './support/apis.ts';
import { createPartyCmc, withWrongNonce } from './support/in-process.ts';
import { errorCodesIn, FROM_CLIENT, FROM_SERVER, meet, type Outcome } from './support/meet.ts';

const MODES: readonly AttestationMode[] = ['mutual', 'client', 'server', 'none'];
const ROLES: readonly Role[] = ['client', 'server'];

/** What is wrong with the evidence of one side, and the error code that says so. */
const FAULTS = [
  { fault: 'tampered metadata', variant: 'tampered', errorCode: 64 },
  { fault: 'wrong nonce', variant: 'good', errorCode: 83 },
  { fault: 'wrong CA', variant: 'wrongCa', errorCode: 59 },
  { fault: 'expired metadata', variant: 'expired', errorCode: 11 },
] as const satisfies readonly { fault: string; variant: PartyVariant; errorCode: number }[];

type Fault = (typeof FAULTS)[number];

const testbeds = {
  json: await createTestbed({ serialization: 'json' }),
  cbor: await createTestbed({ serialization: 'cbor' }),
};

/** A daemon of its own for one side. */
async function daemonOf(testbed: Testbed, role: Role, api: Api, fault?: Fault) {
  const party = await testbed.party(role, { variant: fault?.variant ?? 'good' });
  const cmc = await createPartyCmc(testbed, party);
  return await serve(fault?.fault === 'wrong nonce' ? withWrongNonce(cmc) : cmc, api);
}

function attests(role: Role, mode: AttestationMode): boolean {
  return mode === 'mutual' || mode === role;
}

function other(role: Role): Role {
  return role === 'client' ? 'server' : 'client';
}

/** The application never learned of the connection, and got nothing of what was written early. */
function expectSilence({ connections, received, attestation }: Outcome): void {
  expect({ connections, received, attestation }).toStrictEqual({
    connections: 0,
    received: '',
    attestation: undefined,
  });
}

function expectConnected(
  sides: Readonly<Record<Role, Outcome>>,
  mode: AttestationMode,
  clientCertificate: boolean,
): void {
  for (const role of ROLES) {
    const verified = attests(other(role), mode);
    const expected = {
      code: 'connected',
      connections: 1,
      received: role === 'server' ? FROM_CLIENT : FROM_SERVER,
    };
    expect(sides[role]).toMatchObject(expected);
    expect(sides[role].verdicts.map(({ summary }) => summary.status)).toStrictEqual(
      verified ? ['success'] : [],
    );
    expect(sides[role].attestation).toMatchObject({ mode, keyBinding: 'spki-v1' });
    expect(sides[role].attestation?.result).toBe(sides[role].verdicts[0]);
  }
  expect(sides.server.attestation?.peerId).toMatch(clientCertificate ? /^[0-9a-f]{64}$/ : /^$/);
}

describe.each(APIS)('$title', (api) => {
  const testbed = testbeds[api.serialization];
  describe.each(MODES)('mode %s', (mode) => {
    describe.each([
      ['with', true],
      ['without', false],
    ])('%s client certificate', (_, clientCertificate) => {
      const connectBoth = async (
        fault?: Fault,
        faulty?: Role,
        serverMode: AttestationMode = mode,
      ) => {
        const { serialization } = api;
        const daemon = async (role: Role) =>
          await daemonOf(testbed, role, api, role === faulty ? fault : undefined);
        return await meet({
          testbed,
          clientCertificate,
          client: { cmc: await daemon('client'), attest: mode, serialization },
          server: { cmc: await daemon('server'), attest: serverMode, serialization },
        });
      };

      test('good peers get connected', async () => {
        expectConnected(await connectBoth(), mode, clientCertificate);
      });

      test('peers of different modes refuse each other', async () => {
        const serverMode = MODES[(MODES.indexOf(mode) + 1) % MODES.length];
        const sides = await connectBoth(undefined, undefined, serverMode);
        for (const role of ROLES) {
          expect(sides[role].code).toBe('ERR_ATLS_MODE_MISMATCH');
          expect(sides[role].verdicts).toStrictEqual([]);
          expectSilence(sides[role]);
        }
      });

      describe.each(ROLES)('the %s has', (faulty) => {
        test.each(FAULTS)(
          attests(faulty, mode)
            ? '$fault: it is refused with error code $errorCode'
            : '$fault: nobody asks for its report',
          async (fault) => {
            const sides = await connectBoth(fault, faulty);
            if (!attests(faulty, mode)) return expectConnected(sides, mode, clientCertificate);
            const verifier = sides[other(faulty)];
            expect(verifier.code).toBe('ERR_ATLS_PEER_ATTESTATION');
            expect(verifier.verdicts.map(({ summary }) => summary.status)).toStrictEqual(['fail']);
            expect(verifier.error?.result).toBe(verifier.verdicts[0]);
            expect(errorCodesIn(verifier.error?.result)).toContain(fault.errorCode);
            expect(sides[faulty].code).toBe('ERR_ATLS_PEER_REPORTED');
            expect(sides[faulty].error?.reason).toMatch(/^ERR_ATLS_PEER_ATTESTATION: /);
            expectSilence(sides.client);
            expectSilence(sides.server);
          },
        );
      });
    });
  });
});
