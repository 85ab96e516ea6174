import {
  keyTemplate,
  storageKeyTemplate,
  TPM_HT,
  type Tpm,
  type TpmObject,
} from '../../src/index.ts';
import type { CurveName, TpmtScheme } from '../../src/verify/index.ts';
import { startSwtpm } from './swtpm.ts';

export const ECDSA_256: TpmtScheme = { scheme: 'ECDSA', hash: 'SHA-256' };

/** A key, and what the TPM said when it made it. */
export type LoadedKey = TpmObject & { readonly creation: Awaited<ReturnType<Tpm['create']>> };

/** A software TPM that is connected to, with a storage key. */
export interface TestTpm extends AsyncDisposable {
  readonly tpm: Tpm;
  readonly srk: TpmObject;
  /** Restricted unless there is no scheme. */
  readonly createAndLoad: (key: CurveName | 2048, scheme?: TpmtScheme) => Promise<LoadedKey>;
  /** Handles of loaded objects and sessions. */
  readonly loaded: () => Promise<readonly number[]>;
}

export async function openTestTpm(): Promise<TestTpm> {
  const swtpm = await startSwtpm();
  const tpm = await swtpm.open();
  const srk = await tpm.createPrimary('owner', { template: storageKeyTemplate() });
  return {
    tpm,
    srk,
    createAndLoad: async (key, scheme) => {
      const signing = scheme === undefined ? {} : { scheme };
      const template = keyTemplate({ key, restricted: scheme !== undefined, ...signing });
      const creation = await tpm.create(srk, { template });
      return Object.assign(await tpm.load(srk, creation), { creation });
    },
    loaded: async () => [
      ...(await tpm.capabilities.handles(TPM_HT.TRANSIENT)),
      ...(await tpm.capabilities.handles(TPM_HT.LOADED_SESSION)),
    ],
    async [Symbol.asyncDispose]() {
      await tpm.close();
      await swtpm[Symbol.asyncDispose]();
    },
  };
}
