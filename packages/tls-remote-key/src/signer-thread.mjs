// Runs in the thread of `startSignerThread`. Plain JavaScript: Node 20 starts no worker from
// TypeScript.
import { workerData } from 'node:worker_threads';

const { module, data, wake, port } = workerData;

/** The signer, made when it is first needed and again after it could not be made. */
let signer;

async function sign(request) {
  signer ??= import(module).then(({ createSigner }) => createSigner(data));
  let use;
  try {
    use = await signer;
  } catch (error) {
    signer = undefined;
    throw error;
  }
  return await use(request);
}

function answer(message) {
  port.postMessage(message);
  Atomics.add(wake, 0, 1);
  Atomics.notify(wake, 0);
}

port.on('message', async ({ id, request }) => {
  try {
    const signature = await sign(request);
    if (!(signature instanceof Uint8Array)) throw new TypeError('the signer gave no bytes');
    answer({ id, signature });
  } catch (error) {
    answer({ id, reason: error instanceof Error ? error.message : String(error) });
  }
});
