import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing, startSwtpm as start } from '@cmc/testkit';
import { openTpm, type Tpm } from 'tpm2-ts';

/** Whether the software TPM is missing; with CI set, tests run and fail then. */
export const isSwtpmMissing: boolean = isMissing('swtpm');

/** A software TPM of its own with endorsement certificates, and who issued them. */
export interface Swtpm extends AsyncDisposable {
  readonly tpm: Tpm;
  /** Vendor root and intermediate, PEM. */
  readonly vendorPem: string;
}

export async function startSwtpm(): Promise<Swtpm> {
  const swtpm = await start({ ek: true });
  const [root, issuer] = ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map((name) =>
    readFileSync(join(swtpm.folder, 'ca', name), 'utf8'),
  );
  const tpm = await openTpm({ socket: { path: swtpm.path } });
  return {
    tpm,
    vendorPem: `${root}\n${issuer}`,
    async [Symbol.asyncDispose]() {
      await tpm.close();
      await swtpm[Symbol.asyncDispose]();
    },
  };
}
