// Runs in the signer thread of `openDaemonKey`: has the daemon sign. Plain JavaScript, see there.
import { createCmcClient } from '@cmc/api';

export async function createSigner({ cmc, keyId }) {
  const client = await createCmcClient(cmc);
  return async ({ digest, hash, scheme }) => {
    if (scheme !== 'ecdsa') throw new Error(`the daemon does not sign with ${scheme}`);
    const { signedContent } = await client.tlsSign({ keyId, content: digest, hashAlg: hash });
    return signedContent;
  };
}
