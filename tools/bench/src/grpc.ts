import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createCmcClient } from '@cmc/api';
import { serveGrpc } from '@cmc/api/grpc-server';
import { createNonce } from '@cmc/attestationreport';
import { atLeast, type Figure, throughput } from './benchmark.ts';
import { createWorld } from './world.ts';

const WARM_UP = 1000;
const PAIRS = 1500;
const CONCURRENCY = 8;

/** Attest, then Verify of that report, over gRPC on loopback; the server in a process of its own. */
export async function grpc(folder: string): Promise<readonly Figure[]> {
  const server = fork(fileURLToPath(import.meta.url), ['serve', folder], { stdio: 'inherit' });
  const [address] = await once(server, 'message');
  const client = await createCmcClient({ api: 'grpc', address: String(address) });
  const pair = async (): Promise<void> => {
    const nonce = createNonce();
    const { report } = await client.attest({ nonce });
    const { result } = await client.verify({ nonce, report });
    if (result.summary.status !== 'success') throw new Error('the report was refused');
  };
  try {
    await throughput(WARM_UP, 1, pair);
    const one = await throughput(PAIRS / 3, 1, pair);
    const many = await throughput(PAIRS, CONCURRENCY, pair);
    return [
      atLeast('Attest and Verify over gRPC, one caller', one, 'pairs/s', 300),
      atLeast(`Attest and Verify over gRPC, ${CONCURRENCY} callers`, many, 'pairs/s', 300),
    ];
  } finally {
    await client.close();
    server.kill();
  }
}

if (process.argv[2] === 'serve') {
  const world = await createWorld(process.argv[3] ?? '');
  const server = await serveGrpc(await world.createCmc(), { address: '127.0.0.1:0' });
  process.send?.(server.address);
}
