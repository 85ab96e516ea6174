import { type KdsClient, KdsError, type KeyKind } from '@cmc/amd-kds';
import {
  SNP_PRODUCTS,
  type SnpProduct,
  type SnpTcbPart,
  type SnpTcbVersion,
  tcbPartsOf,
} from '@cmc/attestationreport/snp';
import { encodePem } from '@cmc/attestationreport/x509';
import { fromHex, type Logger, silentLogger } from '@cmc/bytes';
import { textResponse } from '../../http/http-error.ts';
import type { ProvRequest, ProvResponse, RouteHandler } from '../../http/route.ts';

export interface AmdServiceOptions {
  /** Asks AMD, and keeps what does not change. */
  readonly kds: KdsClient;
  readonly logger?: Logger;
}

const MAX_RETRY_AFTER_S = 3600;
const DEFAULT_RETRY_AFTER_S = 30;

class BadRequest extends Error {}

/**
 * Routes of AMD's Key Distribution Service, with the same paths and answers, for devices that do not
 * reach it. Certificates are checked before they are given out. 400: no such product, chip id or
 * TCB. 503 with Retry-After: AMD does not answer. 404: AMD has no such certificate. 502: what AMD answers is wrong.
 */
export function createAmdService(options: AmdServiceOptions): readonly RouteHandler[] {
  const { kds, logger = silentLogger } = options;
  return (['vcek', 'vlek'] as const).map((kind) => ({
    method: 'GET',
    prefix: `/${kind}/v1/`,
    handle: async (request: ProvRequest): Promise<ProvResponse> => {
      try {
        return await answer(kds, kind, request);
      } catch (error) {
        if (error instanceof BadRequest || error instanceof RangeError) {
          return textResponse(400, error.message);
        }
        if (!(error instanceof KdsError)) throw error;
        logger.warn({ path: request.path, error }, 'no certificate from AMD');
        return failure(error);
      }
    },
  }));
}

async function answer(kds: KdsClient, kind: KeyKind, request: ProvRequest): Promise<ProvResponse> {
  const [named, name = '', ...rest] = request.path.slice(`/${kind}/v1/`.length).split('/');
  const product = SNP_PRODUCTS.find((candidate) => candidate === named);
  if (product === undefined || rest.length > 0) {
    throw new BadRequest(`expected /${kind}/v1/Milan, Genoa or Turin, and what of it`);
  }
  const wait = { signal: request.signal };
  if (name === 'cert_chain') {
    const chain = await kds.chain(kind, product, wait);
    const pem = chain.map(({ raw }) => encodePem(raw, 'CERTIFICATE')).join('');
    return { status: 200, headers: { 'content-type': 'application/x-pem-file' }, body: pem };
  }
  if (name === 'crl') {
    const body = await kds.crl(kind, product, wait);
    return { status: 200, headers: { 'content-type': 'application/pkix-crl' }, body };
  }
  if (kind === 'vlek') throw new BadRequest('expected cert_chain or crl');
  const chipId = chipIdOf(name);
  const { raw } = await kds.vcek({ product, chipId, tcb: tcbOf(product, request.query) }, wait);
  return { status: 200, headers: { 'content-type': 'application/pkix-cert' }, body: raw };
}

function chipIdOf(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{16}|[0-9a-f]{128})$/i.test(text)) {
    throw new BadRequest('expected a chip id of 8 or 64 bytes in hex');
  }
  return fromHex(text);
}

function tcbOf(product: SnpProduct, query: URLSearchParams): SnpTcbVersion {
  const named = new Set(tcbPartsOf(product));
  const part = (name: SnpTcbPart): number => {
    const [value, ...more] = query.getAll(`${name}SPL`);
    if (!named.has(name)) {
      if (value === undefined) return 0;
      throw new BadRequest(`${name}SPL: ${product} has none`);
    }
    if (value === undefined || !/^\d{1,3}$/.test(value) || Number(value) > 255 || more.length > 0) {
      throw new BadRequest(`${name}SPL: expected one number from 0 to 255`);
    }
    return Number(value);
  };
  return {
    fmc: part('fmc'),
    bl: part('bl'),
    tee: part('tee'),
    snp: part('snp'),
    ucode: part('ucode'),
  };
}

function failure(error: KdsError): ProvResponse {
  if (error.code === 'ERR_KDS_INVALID') {
    return textResponse(502, 'AMD answered with a certificate that is not valid');
  }
  // AMD refuses a chip or TCB that it does not know: trying again does not help.
  if (error.status === 404 || error.status === 400) {
    return textResponse(404, 'AMD has no such certificate');
  }
  const seconds = Math.ceil((error.retryAfterMs ?? DEFAULT_RETRY_AFTER_S * 1000) / 1000);
  return textResponse(503, 'AMD does not answer, try again later', {
    'retry-after': String(Math.min(Math.max(seconds, 1), MAX_RETRY_AFTER_S)),
  });
}
