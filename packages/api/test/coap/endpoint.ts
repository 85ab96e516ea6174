import { fromHex } from '@cmc/bytes';
import { exchange, type WholeResponse } from '../../src/coap/block-client.ts';
import type { ServerResponse } from '../../src/coap/block-server.ts';
import { CODE } from '../../src/coap/codes.ts';
import { type CoapMessage, decodeMessage } from '../../src/coap/message.ts';
import { CONTENT_FORMAT, OPTION, textOption, uintOption } from '../../src/coap/options.ts';
import { RequestServer } from '../../src/coap/request-server.ts';
import { Requester } from '../../src/coap/requester.ts';
import { arrivals, CLIENT, FAULTLESS, type LinkFaults, SERVER, seededRandom } from './link.ts';

export interface PairOptions {
  readonly handle?: (path: string, body: Uint8Array) => Promise<ServerResponse>;
  readonly faults?: LinkFaults;
  readonly seed?: number;
  readonly maxRequestBytes?: number;
  readonly maxResponseBytes?: number;
}

/** What a pair of endpoints sent each other, and the calls that the server got. */
export interface Pair {
  readonly server: RequestServer;
  readonly requester: Requester;
  readonly toServer: CoapMessage[];
  readonly toClient: CoapMessage[];
  readonly calls: { readonly path: string; readonly body: Uint8Array }[];
  /** Posts `body` to `/Echo` and gives the whole response. */
  readonly post: (body: Uint8Array, token?: string) => Promise<WholeResponse>;
}

/** A client and a server on a simulated link; time is that of the (fake) timers. */
export function createPair(options: PairOptions = {}): Pair {
  const random = seededRandom(options.seed ?? 1);
  const faults = options.faults ?? FAULTLESS;
  const toServer: CoapMessage[] = [];
  const toClient: CoapMessage[] = [];
  const calls: { path: string; body: Uint8Array }[] = [];
  const echo = async (_path: string, body: Uint8Array): Promise<ServerResponse> => ({
    code: CODE.CONTENT,
    contentFormat: CONTENT_FORMAT.CBOR,
    payload: body,
  });
  const handle = options.handle ?? echo;
  const deliver = (datagram: Uint8Array, receive: (copy: Uint8Array) => void): void => {
    for (const ms of arrivals(faults, random)) setTimeout(() => receive(datagram.slice()), ms);
  };
  const server = new RequestServer({
    resources: new Map([['/Echo', options.maxRequestBytes ?? 1 << 24]]),
    handle: (path, body) => {
      calls.push({ path, body });
      return handle(path, body);
    },
    send: (datagram) => {
      toClient.push(decodeMessage(datagram));
      deliver(datagram, (copy) => requester.receive(copy));
    },
  });
  const requester = new Requester({
    peer: SERVER,
    send: (datagram) => {
      toServer.push(decodeMessage(datagram));
      deliver(datagram, (copy) => server.receive(copy, CLIENT));
    },
  });
  const post = (payload: Uint8Array, token = 'c0ffee01'): Promise<WholeResponse> =>
    exchange(
      {
        code: CODE.POST,
        token: fromHex(token),
        options: [
          textOption(OPTION.URI_PATH, 'Echo'),
          uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.CBOR),
        ],
        payload,
      },
      {
        request: (draft) => requester.request(draft),
        maxResponseBytes: options.maxResponseBytes ?? 1 << 24,
      },
    );
  return { server, requester, toServer, toClient, calls, post };
}

/** `length` bytes that differ from block to block. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13) & 0xff);
}
