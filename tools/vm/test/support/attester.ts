import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Component, type Verification, verify } from '@cmc/attestationreport';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { equalBytes, fromHex, toHex } from '@cmc/bytes';
import { createFakeCa } from '@cmc/testkit';
import {
  decodeTpmtPublic,
  ekPublicArea,
  makeCredential,
  objectName,
  publicAreaToSpki,
} from 'tpm2-ts/verify';
import { endorse, signMetadata } from '../../../../packages/driver-tpm/test/support/machine.ts';
import type { Agent, TpmState } from '../../src/index.ts';

const NONCE_BYTES = 32;

interface Request {
  /** TPMT_PUBLIC of the attestation key. */
  readonly publicArea: string;
  readonly ekPublicKey: string;
  readonly ekCertificate: string;
}

/** Host side of the attestation of a guest: provisioning and verification. */
export class Attester {
  readonly #ca = createFakeCa();

  /** Certifies the attestation key of a guest, when its TPM has it and is of the manufacturer. */
  async enroll(agent: Agent, tpm: TpmState): Promise<void> {
    const request = (await call(agent, 'request')) as Request;
    requireManufacturer(request, tpm);
    const area = fromHex(request.publicArea);
    const secret = new Uint8Array(randomBytes(NONCE_BYTES));
    const { credentialBlob, secret: sealed } = await makeCredential({
      ek: ekPublicArea(fromHex(request.ekPublicKey)),
      name: objectName(area),
      credential: secret,
    });
    const credential = { credentialBlob: toHex(credentialBlob), secret: toHex(sealed) };
    const opened = (await call(agent, 'activate', credential)) as string;
    if (!equalBytes(fromHex(opened), secret)) throw new Error('the guest opened something else');
    const chain = await endorse(this.#ca, publicAreaToSpki(decodeTpmtPublic(area)));
    await call(agent, 'certified', { chain: chain.map(toHex) });
  }

  /** The verdict on a report of the guest, against reference values. */
  async attest(agent: Agent, references: readonly Component[]): Promise<Verification> {
    const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
    const metadata = await signMetadata(this.#ca, references);
    const report = await call(agent, 'report', {
      nonce: toHex(nonce),
      metadata: metadata.map(toHex),
    });
    const metadataRoots = [parseCertificate(this.#ca.certificate)];
    return await verify(fromHex(report as string), { nonce, metadataRoots });
  }
}

/** What in a verdict on a TPM was measured or expected, and was not as it should be. */
export function faultsOf({ result }: Pick<Verification, 'result'>): readonly string[] {
  const artifacts = result.measurements?.flatMap((each) => each.artifacts ?? []) ?? [];
  return artifacts
    .filter(({ success }) => !success)
    .map(({ type, index, name, description = '' }) =>
      `${type} ${index} ${name} ${description}`.trimEnd(),
    );
}

function requireManufacturer({ ekPublicKey, ekCertificate }: Request, tpm: TpmState): void {
  const leaf = new X509Certificate(fromHex(ekCertificate));
  const issuer = new X509Certificate(readFileSync(tpm.issuerCertificate));
  const root = new X509Certificate(readFileSync(tpm.rootCertificate));
  const spki = leaf.publicKey.export({ type: 'spki', format: 'der' });
  const isGenuine = leaf.verify(issuer.publicKey) && issuer.verify(root.publicKey);
  if (!isGenuine || !equalBytes(spki, fromHex(ekPublicKey))) {
    throw new Error('the endorsement key is not of the manufacturer');
  }
}

async function call(agent: Agent, name: string, argument?: unknown): Promise<unknown> {
  return await agent.call('/app/guest/attest.mjs', name, argument);
}
