import { ApiError, type Cmc, createCmcClient } from '@cmc/api';
import { serveGrpc } from '@cmc/api/grpc-server';

// Anything that implements Cmc can be served, such as createCmc() of @cmc/cmcd.
const cmc: Partial<Cmc> = {
  attest: async ({ nonce }) => ({ report: nonce }),
  tlsCert: async () => ({ certificate: [] }),
};
const server = await serveGrpc(cmc as Cmc, { address: '127.0.0.1:0' });
const client = await createCmcClient({ api: 'grpc', address: server.address });

const { report } = await client.attest({ nonce: new Uint8Array(32) });
console.log(`${report.length} bytes`); // 32 bytes
try {
  await client.tlsCert({ keyId: '../etc/passwd' });
} catch (error) {
  if (error instanceof ApiError) console.log(error.code, error.remoteCode);
  // ERR_API_REMOTE ERR_API_REQUEST
}
await client.close();
await server.close();
