import { createHash } from 'node:crypto';
import type { Component } from '@cmc/attestationreport';

const sha256 = (...parts: readonly (string | Uint8Array)[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

/** An event as a container runtime sends it; another one for every name. */
export function containerEvent(name: string, index = 0): Component {
  const configSha256 = sha256('config', name);
  const rootfsSha256 = sha256('rootfs', name);
  return {
    type: 'application',
    name,
    hashes: [{ alg: 'SHA-256', content: sha256(configSha256, rootfsSha256) }],
    properties: [{ name: 'cmc.index', value: String(index) }],
    ctrData: { configSha256, rootfsSha256 },
  };
}
