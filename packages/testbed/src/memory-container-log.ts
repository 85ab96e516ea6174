import type { Component } from '@cmc/attestationreport';
import { equalBytes } from '@cmc/bytes';
import type { ContainerLog } from '@cmc/driver-sw';

/** A container log that is gone with the process; it records whatever it is given, once. */
export function memoryContainerLog(events: readonly Component[] = []): ContainerLog {
  const recorded = [...events];
  return {
    read: async () =>
      recorded.length === 0 ? undefined : { type: 'SW Eventlog', index: 0, events: [...recorded] },
    append: async (event) => {
      const hash = hashOf(event);
      if (recorded.some((known) => equalBytes(hashOf(known), hash))) return 'known';
      recorded.push(event);
      return 'appended';
    },
  };
}

function hashOf({ hashes }: Component): Uint8Array {
  return hashes?.[0]?.content ?? new Uint8Array();
}
