import { createServer, openDaemonKey } from '@cmc/attested-tls';

const { cmc, keyId, attest, cert, key } = JSON.parse(process.argv[2]);
const own = await openDaemonKey({ cmc, keyId }).then(
  ({ tls }) => tls,
  (error) => {
    if (error.code !== 'ERR_ATLS_KEY') throw error;
    return { cert, key, keyProof: { keyId } };
  },
);
const server = createServer({ ...own, cmc, attest, requireKeyProtection: 'bound' }, (socket) =>
  socket.end(`hello, my key is ${socket.attestation.keyProtection}`),
);
server.listen(0, () => console.log(server.address().port));
