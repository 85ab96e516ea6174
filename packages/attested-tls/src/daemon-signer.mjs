// Runs in the signer thread of `openDaemonKey`: has the daemon sign. Plain JavaScript, see there.
import { constants, createPublicKey, verify } from 'node:crypto';
import { createCmcClient, MAX_SIGNED_MESSAGE_BYTES } from '@cmc/api';

export async function createSigner({ cmc, keyId, publicKey }) {
  const client = await createCmcClient(cmc);
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  const key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
  return async ({ digest, hash, scheme, message }) => {
    const { signedContent } = await client.tlsSign({
      keyId,
      content: digest,
      hashAlg: hash,
      ...(message !== undefined && message.length <= MAX_SIGNED_MESSAGE_BYTES ? { message } : {}),
      ...(scheme === 'rsa-pss' ? { scheme } : {}),
    });
    // Daemons that do not know `scheme` sign with PKCS #1 v1.5, and the peer could not say why it refuses.
    if (scheme === 'rsa-pss') {
      if (message === undefined) throw new Error('RSA-PSS cannot be checked without the message');
      if (!verify(hash, message, { key, padding, saltLength }, signedContent)) {
        throw new Error('the daemon did not sign with RSA-PSS, which TLS 1.3 wants of RSA keys');
      }
    }
    return signedContent;
  };
}
