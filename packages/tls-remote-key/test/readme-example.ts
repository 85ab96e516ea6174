import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { openRemoteKeys } from '@cmc/tls-remote-key';

// Stands for a key in hardware, which would sign the digest it is given.
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const message = Buffer.from('hello');

const key = openRemoteKeys().create({
  publicKey: publicKey.export({ type: 'spki', format: 'der' }),
  sign: ({ hash, scheme }) => {
    console.log(`asked for ${scheme} with ${hash}`); // asked for ecdsa with SHA-256
    return sign('sha256', message, privateKey);
  },
});
// tls.createServer({ cert, key: key.pem }) takes it; so does everything that signs with a PEM text.
console.log(verify('sha256', message, publicKey, sign('sha256', message, key.pem))); // true
key.close();
