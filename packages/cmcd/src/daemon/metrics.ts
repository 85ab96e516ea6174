import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiName } from '@cmc/api';
import { ConfigError } from '@cmc/host';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { OwnMetadata } from '../cmc/metadata-set.ts';
import type { KeyManagerState } from '../keys/key-manager.ts';
import type { PeerCacheSize } from '../peer-cache/peer-cache.ts';
import type { ObservedCall } from './observe.ts';

/** What the gauges show when somebody looks. */
export interface MetricsState {
  peerCache(): PeerCacheSize;
  metadata(): OwnMetadata;
  tlsKeys(): KeyManagerState | undefined;
}

/** Prometheus metrics of a daemon. */
export interface Metrics {
  /** `http://host:port/metrics` */
  readonly address: string;
  observe(api: ApiName, call: ObservedCall): void;
  close(): Promise<void>;
}

const HOST_PORT = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/;
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Serves metrics in the text format of Prometheus at `/metrics`. They carry no secrets but are not
 * authenticated either, so that the address has to be a loopback one.
 */
export async function serveMetrics(address: string, state: MetricsState): Promise<Metrics> {
  const { host, port } = loopbackAddress(address);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const observe = callMetrics(registry);
  stateMetrics(registry, state);
  const server = createServer((request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.listen({ host, port });
  await once(server, 'listening');
  const bound = server.address() as AddressInfo;
  const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return {
    address: `http://${shown}:${bound.port}/metrics`,
    observe,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function loopbackAddress(address: string): { readonly host: string; readonly port: number } {
  const [, ipv6, name, port] = HOST_PORT.exec(address) ?? [];
  const host = ipv6 ?? name ?? '';
  if (/^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/.test(host) && Number(port) < 65_536) {
    return { host, port: Number(port) };
  }
  throw new ConfigError(
    'ERR_CONFIG_VALUE',
    `metricsAddr: expected host:port with localhost, 127.x.y.z or [::1], got ${address}`,
  );
}

function callMetrics(registry: Registry): Metrics['observe'] {
  const registers = [registry];
  const calls = new Counter({
    name: 'cmc_calls_total',
    help: 'Calls by API, operation and outcome',
    labelNames: ['api', 'operation', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'cmc_call_duration_seconds',
    help: 'Duration of calls by API and operation',
    labelNames: ['api', 'operation'],
    buckets: DURATION_BUCKETS,
    registers,
  });
  return (api, { operation, outcome, seconds }) => {
    calls.inc({ api, operation, outcome });
    durations.observe({ api, operation }, seconds);
  };
}

function stateMetrics(registry: Registry, state: MetricsState): void {
  const gauge = (name: string, help: string, value: () => number | undefined): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const current = value();
        if (current === undefined) this.remove();
        else this.set(current);
      },
    });
  };
  gauge('cmc_peer_cache_peers', 'Peers with cached metadata', () => state.peerCache().peers);
  gauge('cmc_peer_cache_items', 'Metadata items of peers', () => state.peerCache().items);
  gauge('cmc_peer_cache_bytes', 'Size of the metadata of peers', () => state.peerCache().bytes);
  gauge('cmc_metadata_items', 'Own metadata items', () => state.metadata().items.length);
  gauge(
    'cmc_metadata_expiry_timestamp_seconds',
    'When the first own metadata item expires, seconds since 1970',
    () => {
      const { firstExpiry } = state.metadata();
      return firstExpiry === undefined ? undefined : firstExpiry / 1000;
    },
  );
  gauge('cmc_tls_keys', 'TLS keys with a certificate', () => state.tlsKeys()?.keys);
  gauge('cmc_tls_keys_pending', 'TLS keys without one', () => state.tlsKeys()?.pending);
  gauge(
    'cmc_tls_certificate_expiry_timestamp_seconds',
    'When the first certificate of a TLS key expires, seconds since 1970',
    () => {
      const firstExpiry = state.tlsKeys()?.firstExpiry;
      return firstExpiry === undefined ? undefined : firstExpiry / 1000;
    },
  );
  gauge(
    'cmc_tls_renewal_failures',
    'Attempts to renew certificates of TLS keys that failed since the start',
    () => state.tlsKeys()?.renewalFailures,
  );
}
