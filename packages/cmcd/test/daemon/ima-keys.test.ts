import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFakeKeySync, spkiOf, toPem } from '@cmc/testkit';
import { expect, test } from 'vitest';
import { SIGNERS } from '../../../attestationreport/test/support/signed-files.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startVerifier } from '../support/verifying-daemon.ts';
import { createWorld } from '../support/world.ts';

test('a daemon does not start with a key that is missing or cannot sign files: it names the file', async () => {
  const world = await createWorld();
  const ed25519 = join(temporaryFolder(), 'key');
  writeFileSync(ed25519, toPem(spkiOf(createFakeKeySync('Ed25519')), 'PUBLIC KEY'));
  await expect(startVerifier(world, { imaKeys: [SIGNERS[0], ed25519] })).rejects.toMatchObject({
    code: 'ERR_CONFIG_VALUE',
    message: expect.stringMatching(`^imaKeys: ${ed25519} .*key algorithm`),
  });
  await expect(startVerifier(world, { imaKeys: ['/nonexistent'] })).rejects.toMatchObject({
    code: 'ERR_CONFIG_UNREADABLE',
  });
});
