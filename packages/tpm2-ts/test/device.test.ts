import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { openTpm, storageKeyTemplate } from '../src/index.ts';
import { isSwtpmMissing, startSwtpm } from './support/swtpm.ts';

/** Makes a character device (a raw terminal) of a software TPM; prints its path. */
const DEVICE = `
import os, socket, sys, tty
master, slave = os.openpty()
tty.setraw(slave)
tpm = socket.socket(socket.AF_UNIX)
tpm.connect(sys.argv[1])
print(os.ttyname(slave), flush=True)
while True:
    tpm.sendall(os.read(master, 4096))
    os.write(master, tpm.recv(4096))
`;
const isPythonMissing = spawnSync('python3', ['--version']).error !== undefined;

test.skipIf(isSwtpmMissing || (isPythonMissing && process.env['CI'] === undefined))(
  'a character device takes one write and gives one read for each command',
  async () => {
    await using swtpm = await startSwtpm();
    const relay = spawn('python3', ['-c', DEVICE, swtpm.path]);
    try {
      const [line] = await once(relay.stdout, 'data');
      await using tpm = await openTpm({ device: String(line).trim() });
      expect(await tpm.getRandom(48)).toHaveLength(48);
      await using key = await tpm.createPrimary('owner', { template: storageKeyTemplate() });
      expect(key.public.type).toBe('ECC');
      await tpm.pcrs.event(16, new Uint8Array(100));
    } finally {
      relay.kill();
    }
  },
);
