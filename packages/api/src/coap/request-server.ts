import { encodeUtf8, type Logger, silentLogger } from '@cmc/bytes';
import { ApiError, errorText } from '../errors.ts';
import { Running } from '../running.ts';
import { BlockServer, type ServerResponse } from './block-server.ts';
import { CODE, formatCode, isRequest } from './codes.ts';
import type { Peer } from './datagram.ts';
import { type Draft, type Incoming, MessageLayer } from './message-layer.ts';
import { CONTENT_FORMAT, isCritical, OPTION, uriPath } from './options.ts';
import { MAX_CALL_BYTES, PIGGYBACK_MS, type TransmissionParameters } from './parameters.ts';
import { refuse } from './server-message.ts';

export interface RequestServerOptions {
  readonly send: (datagram: Uint8Array, peer: Peer) => void;
  /** Paths of the resources (`/Attest`), each with the longest request it takes, bytes. */
  readonly resources: ReadonlyMap<string, number>;
  /** Answers a POST to one of them. What it throws is a defect and becomes 5.00. */
  readonly handle: (path: string, body: Uint8Array) => Promise<ServerResponse>;
  readonly logger?: Logger;
  readonly transmission?: Partial<TransmissionParameters>;
  /** Monotonic time, ms. */
  readonly now?: () => number;
}

const UNDERSTOOD = new Set<number>([
  OPTION.URI_HOST,
  OPTION.URI_PORT,
  OPTION.URI_PATH,
  OPTION.BLOCK1,
  OPTION.BLOCK2,
]);

/** Request/response layer of a server: RFC 7252 section 5, for POST only. */
export class RequestServer {
  readonly #options: RequestServerOptions;
  readonly #logger: Logger;
  readonly #layer: MessageLayer;
  readonly #blocks: BlockServer;
  /** From the complete request to the response being delivered. */
  readonly #exchanges = new Running();
  #callBytes = 0;
  #closed = false;

  constructor(options: RequestServerOptions) {
    const now = options.now ?? (() => performance.now());
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#layer = new MessageLayer({
      ...options,
      now,
      onMessage: (incoming) => this.#receive(incoming),
    });
    this.#blocks = new BlockServer(now);
  }

  /** Takes in one datagram. Never throws for what it holds. */
  receive(datagram: Uint8Array, peer: Peer): void {
    if (!this.#closed) this.#layer.receive(datagram, peer);
  }

  /** Resolves when the calls that run now are answered and their responses delivered. */
  async idle(): Promise<void> {
    await this.#exchanges.idle();
  }

  /** Sends nothing from now on. */
  close(): void {
    this.#closed = true;
    this.#layer.close(new ApiError('ERR_API_UNAVAILABLE', 'CoAP: the server closes'));
    this.#blocks.close();
  }

  #receive(incoming: Incoming): void {
    const { message } = incoming;
    if (!isRequest(message.code)) {
      this.#layer.reject(incoming);
      return;
    }
    const unknown = message.options.find((o) => isCritical(o.number) && !UNDERSTOOD.has(o.number));
    if (unknown !== undefined) {
      this.#refuse(incoming, CODE.BAD_OPTION, `option ${unknown.number} is not understood`);
      return;
    }
    const maxRequestBytes = this.#options.resources.get(uriPath(message));
    if (maxRequestBytes === undefined) {
      this.#refuse(incoming, CODE.NOT_FOUND, 'no such resource');
    } else if (message.code !== CODE.POST) {
      this.#refuse(incoming, CODE.METHOD_NOT_ALLOWED, 'expected POST');
    } else {
      const received = this.#blocks.receive(incoming, maxRequestBytes);
      if ('body' in received) this.#start(incoming, received.body);
      else this.#reply(incoming, received.reply);
    }
  }

  #start(incoming: Incoming, body: Uint8Array): void {
    if (this.#callBytes + body.length > MAX_CALL_BYTES) {
      this.#refuse(incoming, CODE.SERVICE_UNAVAILABLE, 'too many bytes of other calls are waiting');
      return;
    }
    void this.#exchanges.track(this.#exchange(incoming, body));
  }

  async #exchange(incoming: Incoming, body: Uint8Array): Promise<void> {
    let acknowledged = false;
    const timer = setTimeout(() => {
      if (this.#closed) return;
      acknowledged = incoming.message.type === 'con';
      this.#layer.acknowledge(incoming);
    }, PIGGYBACK_MS);
    const response = await this.#call(incoming, body);
    clearTimeout(timer);
    if (this.#closed) return;
    const draft = this.#blocks.respond(incoming, response);
    if (acknowledged) await this.#confirm(incoming, draft);
    else this.#reply(incoming, draft);
  }

  async #call(incoming: Incoming, body: Uint8Array): Promise<ServerResponse> {
    this.#callBytes += body.length;
    const path = uriPath(incoming.message);
    try {
      return await this.#options.handle(path, body);
    } catch (error) {
      this.#logger.error({ path, error }, 'CoAP call failed unexpectedly');
      const payload = encodeUtf8(errorText(error));
      return { code: CODE.INTERNAL_SERVER_ERROR, contentFormat: CONTENT_FORMAT.TEXT, payload };
    } finally {
      this.#callBytes -= body.length;
    }
  }

  #refuse(incoming: Incoming, code: number, text: string): void {
    this.#logger.debug({ peer: incoming.peer.key, code: formatCode(code) }, text);
    this.#reply(incoming, refuse(incoming.message, code, text));
  }

  #reply(incoming: Incoming, draft: Draft): void {
    if (incoming.message.type === 'ack') {
      void this.#exchanges.track(this.#confirm(incoming, draft));
    } else {
      this.#layer.reply(incoming, draft);
    }
  }

  /** Sends a response in a message of its own. */
  async #confirm(incoming: Incoming, draft: Draft): Promise<void> {
    try {
      await this.#layer.confirm(draft, incoming.peer).acknowledged;
    } catch (error) {
      this.#logger.debug({ peer: incoming.peer.key, error }, 'CoAP response not delivered');
    }
  }
}
