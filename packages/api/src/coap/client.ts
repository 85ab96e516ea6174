import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { type ApiAddress, parseAddress } from '../addresses.ts';
import {
  type ClientOptions,
  type CmcClient,
  createClient,
  type Transport,
  type TransportCallOptions,
} from '../client.ts';
import { assertRequestSize, decodeResponse } from '../codec.ts';
import { ApiError, remoteError } from '../errors.ts';
import type { Operation } from '../operations.ts';
import type { WholeRequest, WholeResponse } from './block-client.ts';
import { callPeer } from './call-peer.ts';
import { CODE, formatCode } from './codes.ts';
import { createPeer } from './datagram.ts';
import { CONTENT_FORMAT, OPTION, textOption, uintOption } from './options.ts';
import type { TransmissionParameters } from './parameters.ts';

export type { TransmissionParameters } from './parameters.ts';

/** Options of {@link createCoapClient}. */
export interface CoapClientOptions extends ClientOptions {
  /** When messages are sent again. Default: as RFC 7252 says. */
  readonly transmission?: Partial<TransmissionParameters>;
}

const TOKEN_BYTES = 8;

/**
 * A client of the CoAP API at `host:port`. Every call has a UDP port of its own.
 *
 * @throws {ApiError} ERR_API_ADDRESS
 */
export function createCoapClient(options: CoapClientOptions): CmcClient {
  const address = parseAddress(options.address);
  if (address.kind !== 'tcp') {
    const got = JSON.stringify(options.address);
    throw new ApiError('ERR_API_ADDRESS', `CoAP: expected host:port, got ${got}`);
  }
  return createClient(new CoapTransport(address, options.transmission), options);
}

class CoapTransport implements Transport {
  readonly #host: string;
  readonly #port: number;
  readonly #transmission: Partial<TransmissionParameters>;

  constructor(
    address: ApiAddress & { readonly kind: 'tcp' },
    transmission: Partial<TransmissionParameters> = {},
  ) {
    this.#host = address.host;
    this.#port = address.port;
    this.#transmission = transmission;
  }

  async call<Request, Response>(
    operation: Operation<Request, Response, unknown>,
    request: Request,
    { signal, serialization }: TransportCallOptions,
  ): Promise<Response> {
    const contentFormat = serialization === 'json' ? CONTENT_FORMAT.JSON : CONTENT_FORMAT.CBOR;
    const payload = operation.request.encode(request, serialization);
    assertRequestSize(operation, payload.length);
    const whole = {
      code: CODE.POST,
      token: randomBytes(TOKEN_BYTES),
      options: [
        textOption(OPTION.URI_PATH, operation.name),
        uintOption(OPTION.CONTENT_FORMAT, contentFormat),
      ],
      payload,
    };
    const response = await this.#send(whole, signal);
    if (response.code !== CODE.CONTENT) {
      const text = new TextDecoder().decode(response.payload);
      throw remoteError(text === '' ? `CoAP: ${formatCode(response.code)}` : text);
    }
    return decodeResponse(operation, response.payload);
  }

  /** Nothing outlives a call. */
  async close(): Promise<void> {}

  /** Tries the addresses of the host until one has a server. */
  async #send(request: WholeRequest, signal: AbortSignal): Promise<WholeResponse> {
    const addresses = await lookup(this.#host, { all: true }).catch((cause: unknown) => {
      throw new ApiError('ERR_API_ADDRESS', `cannot resolve ${this.#host}`, { cause });
    });
    let answered = false;
    const onAnswer = (): void => {
      answered = true;
    };
    let failure: unknown = new ApiError('ERR_API_ADDRESS', `${this.#host} has no address`);
    for (const { address } of addresses) {
      const peer = createPeer(address, this.#port);
      const transmission = this.#transmission;
      try {
        return await callPeer(request, { peer, transmission, signal, onAnswer });
      } catch (error) {
        if (answered || signal.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}
