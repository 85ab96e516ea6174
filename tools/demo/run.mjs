// Two computers that have never met get TLS certificates from a provisioning server, by attesting
// themselves, and open an attested connection; then one of them presents a manifest that somebody has
// changed, and is refused. Needs nothing but this repository.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { run, start, stopAll } from './programs.mjs';
import {
  connectionFlags,
  enrollKey,
  makeDeveloper,
  makeMetadata,
  makeProvserver,
  makeSoftware,
  startDaemon,
  startProvserver,
  tamper,
} from './world.mjs';

const PARTIES = ['connector', 'client'];
const folder = mkdtempSync(join(tmpdir(), 'cmc-demo-'));
let failed = false;

try {
  await demo();
} catch (error) {
  failed = true;
  console.error(`\nThe demo failed: ${error.stack}`);
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
say(failed ? '' : '\nAll programs are stopped, all files removed.');
process.exit(failed ? 1 : 0);

async function demo() {
  title('1. What both sides trust');
  say('A developer whose signature under manifests counts, and a provisioning server with its CA.');
  await makeDeveloper(folder);
  await makeProvserver(folder);

  title('2. What each side runs, and what it should run');
  for (const party of PARTIES) makeSoftware(folder, party);
  await Promise.all(PARTIES.map((party) => makeMetadata(folder, party)));
  for (const party of PARTIES) {
    say(`${party}: hashed, and its hash written into a manifest that the developer signed.`);
  }

  title('3. Each side starts its daemon, which measures the software and enrols a TLS key');
  const provserver = await startProvserver(folder);
  say(`provserver listens on ${provserver}. It wants an attestation report and a token.`);
  const daemons = {};
  for (const party of PARTIES) {
    daemons[party] = await startDaemon(folder, party, provserver);
    const { address } = daemons[party];
    say(`cmcd of the ${party} has recorded the start of its software.`);
    print('green', await enrollKey(folder, party, address));
  }
  const connector = await startConnector(daemons.connector.address);
  say(`The connector listens on ${connector}, with the key that its daemon keeps.`);

  title('4. The client connects, and each side verifies the other');
  const good = await dial(connector, daemons.client.address);
  expect(good.code === 0, `the connection should have succeeded:\n${good.stderr}${good.stdout}`);
  print('green', good.stdout);
  say('Mutual attestation succeeded: only then was "hello" sent, inside the same TLS connection.');

  title('5. Somebody changes the manifest of the connector after it was signed');
  const { before, after } = tamper(folder, 'connector');
  say(`The hash of its software in it: ${before.slice(0, 16)}… is now ${after.slice(0, 16)}…`);
  daemons.connector.child.kill('SIGHUP');
  const bad = await dialUntilRefused(connector, daemons.client.address);
  expect(
    bad.code === 1,
    `the connection should have been refused with 1, not ${bad.code}:\n${bad.stderr}`,
  );
  print('red', `${bad.stdout}${bad.stderr}`);
  say(
    'The client refused (exit code 1). Nothing was sent: the connection never reached the application.',
  );
}

async function startConnector(cmcAddr) {
  const flags = connectionFlags(folder, 'connector', cmcAddr);
  const { entry } = await start(
    'cmcctl',
    ['listen', '--addr', '127.0.0.1:0', ...flags],
    folder,
    ({ message }) => message === 'listening',
  );
  return `localhost:${entry.address.split(':').at(-1)}`;
}

async function dial(addr, cmcAddr) {
  const flags = connectionFlags(folder, 'client', cmcAddr);
  return await run('cmcctl', ['dial', '--addr', addr, ...flags, '--data', 'hello'], folder);
}

/** The daemon needs a moment to read the changed file after SIGHUP. */
async function dialUntilRefused(addr, cmcAddr) {
  for (let attempt = 0; ; attempt++) {
    const outcome = await dial(addr, cmcAddr);
    if (outcome.code !== 0 || attempt === 20) return outcome;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

function title(text) {
  say(`\n${paint('bold', text)}`);
}

function print(color, text) {
  for (const line of text.trimEnd().split('\n')) say(`  ${paint(color, line)}`);
}

function paint(color, text) {
  const plain = !process.stdout.isTTY || process.env.NO_COLOR !== undefined;
  return plain ? text : styleText(color, text);
}

function say(text) {
  console.log(text);
}
