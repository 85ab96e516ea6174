import { randomBytes } from 'node:crypto';
import { toHex } from '@cmc/bytes';
import { SERVER_NONCE_BYTES, type ServerNonce } from '@cmc/est';
import { addressGroup } from '../http/address-group.ts';
import { UsageCounter } from '../http/counter.ts';
import type { Store } from '../store/store.ts';
import { MAX_NONCES_PER_ADDRESS, NONCE_LIFETIME_MS } from './limits.ts';

interface Outstanding {
  readonly release: () => void;
  readonly expiresAt: Date;
}

/** Gives out nonces for attested enrolments; no client address can take those of all others. */
export class Nonces {
  readonly #store: Pick<Store, 'createNonce'>;
  readonly #counter = new UsageCounter(Number.POSITIVE_INFINITY, MAX_NONCES_PER_ADDRESS);
  /** Oldest first. The store bounds how many there are. */
  readonly #outstanding = new Map<string, Outstanding>();

  constructor(store: Pick<Store, 'createNonce'>) {
    this.#store = store;
  }

  /** A new nonce; undefined when there are too many that are not spent. */
  async create(remoteAddress: string, now: Date): Promise<ServerNonce | undefined> {
    this.#forgetExpired(now);
    const release = this.#counter.take(addressGroup(remoteAddress));
    if (release === undefined) return undefined;
    const nonce = new Uint8Array(randomBytes(SERVER_NONCE_BYTES));
    const expiresAt = new Date(now.getTime() + NONCE_LIFETIME_MS);
    let isCreated = false;
    try {
      isCreated = await this.#store.createNonce(nonce, expiresAt, now);
    } finally {
      if (!isCreated) release();
    }
    if (!isCreated) return undefined;
    this.#outstanding.set(toHex(nonce), { release, expiresAt });
    return { nonce, expiresAt };
  }

  /** To be told when one was spent. */
  spent(nonce: Uint8Array): void {
    const hex = toHex(nonce);
    this.#outstanding.get(hex)?.release();
    this.#outstanding.delete(hex);
  }

  #forgetExpired(now: Date): void {
    for (const [hex, { release, expiresAt }] of this.#outstanding) {
      if (expiresAt > now) return;
      release();
      this.#outstanding.delete(hex);
    }
  }
}
