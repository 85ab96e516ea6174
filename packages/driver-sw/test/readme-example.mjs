import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNonce, generate } from '@cmc/attestationreport';
import { createContainerEvent, createSwDriver, openContainerLog } from '@cmc/driver-sw';

const storage = await mkdtemp(join(tmpdir(), 'cmc-'));
const containerLog = openContainerLog({ path: join(storage, 'container-log.json') });
const config = '{"ociVersion":"1.2.0","process":{"cwd":"/","args":["/app"]}}';
const rootfs = new Uint8Array(32); // or a folder, which is hashed
const event = await createContainerEvent({ name: 'app', config, containerId: 'a1b2', rootfs });
console.log(await containerLog.append(event)); // appended
console.log(await containerLog.append(event)); // known

const driver = await createSwDriver({ storage, containerLog });
const report = await generate({ measurers: [driver], nonce: createNonce() });
console.log(report.length > 500); // true
