import { ApiError } from '../errors.ts';
import type { Peer } from './datagram.ts';
import type { CoapMessage } from './message.ts';
import { MAX_OUTSTANDING, type TransmissionParameters } from './parameters.ts';

/** A confirmable message to send. */
export interface Confirmable {
  readonly peer: Peer;
  readonly messageId: number;
  readonly datagram: Uint8Array;
}

/** Settles when the peer acknowledged: with the response in the acknowledgement, if there is one. */
export type Acknowledgement = Promise<CoapMessage | undefined>;

interface Outstanding extends Confirmable {
  readonly resolve: (message: CoapMessage | undefined) => void;
  readonly reject: (error: Error) => void;
  /** Time between the latest transmission and the next. */
  timeoutMs: number;
  /** When to transmit again; undefined while waiting for its turn. */
  dueAt: number | undefined;
  transmissions: number;
}

export interface ConfirmablesOptions {
  readonly send: (datagram: Uint8Array, peer: Peer) => void;
  readonly now: () => number;
  readonly transmission: TransmissionParameters;
}

/**
 * Sends confirmable messages until they are acknowledged, at most one at a time to each peer
 * (NSTART 1). One timer serves all of them and is not touched per message: when it fires it
 * looks for what is due and is set again.
 */
export class Confirmables {
  readonly #options: ConfirmablesOptions;
  /** The first of each queue is on its way. */
  readonly #queues = new Map<string, Outstanding[]>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(options: ConfirmablesOptions) {
    this.#options = options;
  }

  send(confirmable: Confirmable): Acknowledgement {
    return new Promise((resolve, reject) => {
      if (this.#count >= MAX_OUTSTANDING) {
        throw new ApiError('ERR_API_LIMIT', `CoAP: ${this.#count} messages are not acknowledged`);
      }
      this.#count++;
      const outstanding: Outstanding = {
        ...confirmable,
        resolve,
        reject,
        timeoutMs: this.#firstTimeout(),
        dueAt: undefined,
        transmissions: 0,
      };
      const queue = this.#queues.get(confirmable.peer.key);
      if (queue !== undefined) {
        queue.push(outstanding);
        return;
      }
      this.#queues.set(confirmable.peer.key, [outstanding]);
      this.#transmit(outstanding);
    });
  }

  /** Ends the message that `messageId` acknowledges; false if there is none. */
  acknowledge(peer: Peer, messageId: number, message: CoapMessage | undefined): boolean {
    const outstanding = this.#take(peer, messageId);
    outstanding?.resolve(message);
    return outstanding !== undefined;
  }

  /** Ends the message that the peer refused. */
  reset(peer: Peer, messageId: number): void {
    this.#take(peer, messageId)?.reject(
      new ApiError('ERR_API_PROTOCOL', 'CoAP: the peer reset the message'),
    );
  }

  /** Gives up everything. */
  close(error: Error): void {
    clearTimeout(this.#timer);
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    for (const outstanding of queues.flat()) outstanding.reject(error);
  }

  #firstTimeout(): number {
    const { ackTimeoutMs, ackRandomFactor } = this.#options.transmission;
    return ackTimeoutMs * (1 + Math.random() * (ackRandomFactor - 1));
  }

  #transmit(outstanding: Outstanding): void {
    outstanding.transmissions++;
    outstanding.dueAt = this.#options.now() + outstanding.timeoutMs;
    outstanding.timeoutMs *= 2;
    this.#wakeAt(outstanding.dueAt);
    this.#options.send(outstanding.datagram, outstanding.peer);
  }

  #take(peer: Peer, messageId: number): Outstanding | undefined {
    const queue = this.#queues.get(peer.key);
    const head = queue?.[0];
    if (queue === undefined || head === undefined || head.messageId !== messageId) return undefined;
    queue.shift();
    this.#count--;
    const [next] = queue;
    if (next === undefined) this.#queues.delete(peer.key);
    else this.#transmit(next);
    return head;
  }

  #wakeAt(time: number): void {
    if (time >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    this.#timer = setTimeout(() => this.#wake(), Math.max(time - this.#options.now(), 1));
  }

  #wake(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    for (const [outstanding] of [...this.#queues.values()]) {
      if (outstanding?.dueAt === undefined) continue;
      if (outstanding.dueAt > this.#options.now()) this.#wakeAt(outstanding.dueAt);
      else if (outstanding.transmissions <= this.#options.transmission.maxRetransmit) {
        this.#transmit(outstanding);
      } else {
        this.#take(outstanding.peer, outstanding.messageId)?.reject(
          new ApiError(
            'ERR_API_UNAVAILABLE',
            `CoAP: no acknowledgement after ${outstanding.transmissions} transmissions`,
          ),
        );
      }
    }
  }
}
