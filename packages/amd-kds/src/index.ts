export type { KdsClient, KdsClientOptions } from './client.ts';
export { AMD_KDS_URL, createKdsClient } from './client.ts';
export type { KdsErrorCode, KdsErrorOptions } from './errors.ts';
export { KdsError } from './errors.ts';
export type { KdsFetch, KdsFetchOptions, KdsResponse } from './https-fetch.ts';
export type { KeyKind, VcekRequest } from './request.ts';
