import { equalBytes } from '@cmc/bytes';
import { ApiError } from '../errors.ts';
import { isResponse } from './codes.ts';
import type { Peer } from './datagram.ts';
import type { CoapMessage } from './message.ts';
import {
  type Draft,
  type Incoming,
  MessageLayer,
  type MessageLayerOptions,
  type Sent,
} from './message-layer.ts';

export type RequesterOptions = Omit<MessageLayerOptions, 'onMessage'> & { readonly peer: Peer };

interface Waiting {
  readonly token: Uint8Array;
  readonly sent: Sent;
  readonly resolve: (response: CoapMessage) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sends requests to one peer, one after the other, and finds their responses: in the
 * acknowledgement, after it, or before it.
 */
export class Requester {
  readonly #layer: MessageLayer;
  readonly #peer: Peer;
  #waiting: Waiting | undefined;
  #closed: Error | undefined;

  constructor(options: RequesterOptions) {
    this.#peer = options.peer;
    this.#layer = new MessageLayer({ ...options, onMessage: (incoming) => this.#take(incoming) });
  }

  /** Takes in a datagram of the peer. */
  receive(datagram: Uint8Array): void {
    this.#layer.receive(datagram, this.#peer);
  }

  /** The response to `draft`. @throws {ApiError} ERR_API_UNAVAILABLE, ERR_API_PROTOCOL */
  request(draft: Draft): Promise<CoapMessage> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) throw this.#closed;
      const sent = this.#layer.confirm(draft, this.#peer);
      const waiting = { token: draft.token, sent, resolve, reject };
      this.#waiting = waiting;
      sent.acknowledged.then((response) => {
        if (response !== undefined) this.#finish(waiting, response);
      }, reject);
    });
  }

  /** Fails the request in progress and all later ones. */
  close(error: Error): void {
    this.#closed = error;
    this.#layer.close(error);
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #take(incoming: Incoming): void {
    const waiting = this.#waiting;
    const { code, token } = incoming.message;
    if (waiting === undefined || !isResponse(code) || !equalBytes(token, waiting.token)) {
      this.#layer.reject(incoming);
      return;
    }
    this.#layer.acknowledge(incoming);
    this.#finish(waiting, incoming.message);
    waiting.sent.stop();
  }

  #finish(waiting: Waiting, response: CoapMessage): void {
    if (this.#waiting !== waiting) return;
    if (equalBytes(response.token, waiting.token)) {
      this.#waiting = undefined;
      waiting.resolve(response);
    } else {
      waiting.reject(new ApiError('ERR_API_PROTOCOL', 'CoAP: the response has another token'));
    }
  }
}
