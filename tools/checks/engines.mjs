// Every package in the lock file admits the oldest Node that we promise to support.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { report, root } from './workspace.mjs';

const semver = createRequire(import.meta.url)('semver');
const OLDEST_NODE = '20.19.0';

const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8'));
const problems = Object.entries(lock.packages)
  .filter(([, entry]) => entry.engines?.node !== undefined)
  .filter(([, entry]) => !semver.satisfies(OLDEST_NODE, entry.engines.node))
  .map(
    ([path, entry]) =>
      `${path} ${entry.version} wants node ${entry.engines.node}, we promise ${OLDEST_NODE}`,
  );
report('engines', problems);
