import type { ApiName } from '@cmc/api';
import { ConfigError, DEFAULT_CMC_ADDRESS } from '@cmc/host';
import type { CmcdConfig, EndpointConfig } from './schema.ts';

/** What the daemon serves: `apis`, or else `api` and `cmcAddr`, which go together by position. */
export function endpointsOf(config: CmcdConfig): readonly EndpointConfig[] {
  const endpoints = config.apis ?? pairedEndpoints(config);
  if (endpoints.length === 0)
    throw new ConfigError('ERR_CONFIG_VALUE', 'apis: expected at least one');
  return endpoints;
}

function pairedEndpoints(config: CmcdConfig): readonly EndpointConfig[] {
  const apis: readonly ApiName[] = listOf(config.api ?? 'socket');
  const addresses =
    config.cmcAddr === undefined && apis.length === 1 && apis[0] !== 'coap'
      ? [DEFAULT_CMC_ADDRESS]
      : listOf(config.cmcAddr ?? []);
  if (apis.length !== addresses.length) {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `cmcAddr: expected ${apis.length} address(es), one for each of ${apis.join(', ')}, ` +
        `got ${addresses.length}`,
    );
  }
  return apis.map((api, index) => ({ api, address: addresses[index] ?? '' }));
}

function listOf<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === 'string' ? [value] : value;
}
