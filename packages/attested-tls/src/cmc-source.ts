import type { Cmc, CmcClient } from '@cmc/api';
import type { Serialization } from '@cmc/attestationreport';

/** Where the own daemon is reached. */
export interface CmcAddress {
  readonly api: 'grpc' | 'coap' | 'socket';
  /** `unix:///path`, `tcp://host:port` or `host:port`. */
  readonly address: string;
  /** Encoding of calls over CoAP and sockets. Default `cbor`. */
  readonly serialization?: Serialization;
}

/** Gives the own daemon when it is needed. */
export interface CmcSource {
  get(): Promise<Cmc>;
  /** Gives up a connection that this source has made. It makes a new one when asked again. */
  close(): void;
}

/** A source for an object that is there already, or for a daemon that is connected to when needed. */
export function createCmcSource(cmc: Cmc | CmcAddress, timeoutMs: number): CmcSource {
  if (!('api' in cmc)) return { get: () => Promise.resolve(cmc), close() {} };
  let client: Promise<CmcClient> | undefined;
  return {
    async get() {
      client ??= createClient(cmc, timeoutMs);
      try {
        return await client;
      } catch (error) {
        client = undefined;
        throw error;
      }
    },
    close() {
      // A connection that cannot be closed, or never came to be, is gone all the same.
      client?.then((open) => open.close()).catch(() => {});
      client = undefined;
    },
  };
}

async function createClient(address: CmcAddress, timeoutMs: number): Promise<CmcClient> {
  // Whoever brings a Cmc of their own never loads a transport.
  const { createCmcClient } = await import('@cmc/api');
  return await createCmcClient({ ...address, timeoutMs });
}
