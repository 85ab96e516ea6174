import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { WaitOptions } from '@cmc/attestationreport';
import { ByteWriter, type Logger, silentLogger } from '@cmc/bytes';
import { isMissing, type TapOptions, type TpmTap, tapTpm } from '@cmc/testkit';
import { openTpm, TPM_CC } from 'tpm2-ts';
import { openSocket } from 'tpm2-ts/transport';
import { ekPublicArea, makeCredential, objectName } from 'tpm2-ts/verify';
import { describe, expect, test } from 'vitest';
import { type AttestationKeyEndorser, createTpmAccess, type TpmDriver } from '../src/index.ts';
import { createMachine, endorse, type Machine } from './support/machine.ts';

const SECRET = new Uint8Array(randomBytes(32));
/** TPM_RC_SYMMETRIC about parameter 4: this TPM has no sessions that encrypt. */
const NO_CIPHER = new ByteWriter().u16(0x8001).u32(10).u32(0x4d6).finish();
/** AES-128-CFB in a TPMT_SYM_DEF. */
const CIPHER = Uint8Array.of(0x00, 0x06, 0x00, 0x80, 0x00, 0x43);

interface Tapped {
  readonly driver: TpmDriver;
  readonly warnings: readonly string[];
  readonly taps: readonly TpmTap[];
  /** What the endorser got out of the credential. */
  readonly opened: () => Uint8Array | undefined;
}

/** A driver with somebody on the bus of its TPM, and an endorser that demands activation. */
function tap(
  machine: Machine,
  options: TapOptions = {},
  beforeActivation: () => void = () => {},
): Tapped {
  const taps: TpmTap[] = [];
  const warnings: string[] = [];
  let opened: Uint8Array | undefined;
  const access = createTpmAccess(async (wait: WaitOptions = {}) => {
    const each = tapTpm(await openSocket({ path: machine.swtpm.path }, wait), options);
    taps.push(each);
    return await openTpm({ transport: each.transport });
  });
  const endorser: AttestationKeyEndorser = {
    endorse: async ({ signer, key, identity, activate }, wait) => {
      const { ekPublicKey } = await identity(wait);
      const credential = await makeCredential({
        ek: ekPublicArea(ekPublicKey),
        name: objectName(key.publicArea),
        credential: SECRET,
      });
      beforeActivation();
      opened = await activate(credential, wait);
      return await endorse(machine.ca, signer.publicKey);
    },
  };
  const logger: Logger = { ...silentLogger, warn: (_, message) => void warnings.push(message) };
  const driver = machine.driver({ access, endorser, logger });
  return { driver, warnings, taps, opened: () => opened };
}

/** An answer of TPM2_CreatePrimary with the public key of somebody else, and the name of that. */
function withOwnKey(response: Uint8Array): Uint8Array {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url');
  // Tag, size, code, handle, size of the parameters; then TPM2B_PUBLIC.
  const at = 20;
  const area = response.slice(
    at,
    at + new DataView(response.buffer, response.byteOffset).getUint16(at - 2),
  );
  const own = area.slice();
  own.set(modulus, own.length - modulus.length);
  const changed = response.slice();
  changed.set(own, at);
  changed.set(objectName(own), Buffer.from(response).lastIndexOf(Buffer.from(objectName(area))));
  return changed;
}

const saw = ({ taps }: Tapped): boolean => taps.some((each) => each.saw(SECRET));
const activations = ({ taps }: Tapped): number =>
  taps.flatMap((each) => each.sent(TPM_CC.ActivateCredential)).length;
const refusing = (code: number, command: Uint8Array): Uint8Array | undefined =>
  code === TPM_CC.StartAuthSession && Buffer.from(command).includes(Buffer.from(CIPHER))
    ? NO_CIPHER
    : undefined;

describe.skipIf(isMissing('swtpm'))('the secret that certifies the attestation key', () => {
  test('is never on the bus of the TPM, in either direction', async () => {
    await using machine = await createMachine();
    const tapped = tap(machine);
    await tapped.driver.prepare();
    expect(tapped.opened()).toEqual(SECRET);
    expect(activations(tapped)).toBe(1);
    expect(saw(tapped)).toBe(false);
    expect(tapped.warnings.filter((warning) => warning.includes('bus'))).toEqual([]);
  });

  test('crosses it in clear where the TPM does not encrypt, and the log says so', async () => {
    await using machine = await createMachine();
    const tapped = tap(machine, { answer: refusing });
    await tapped.driver.prepare();
    expect(tapped.opened()).toEqual(SECRET);
    expect(saw(tapped)).toBe(true);
    expect(tapped.warnings.filter((warning) => warning.includes('bus'))).toHaveLength(1);
  });

  test('is not protected by the key of somebody on the bus, who shows it late', async () => {
    await using machine = await createMachine();
    let isShown = false;
    const change: TapOptions['change'] = (code, response) =>
      code === TPM_CC.CreatePrimary && isShown ? withOwnKey(response) : response;
    const tapped = tap(machine, { change }, () => {
      isShown = true;
    });
    await expect(tapped.driver.prepare()).rejects.toMatchObject({ code: 'ERR_TPM_DRIVER_KEY' });
    expect(activations(tapped)).toBe(0);
  });
});
