import { createPeer, type Peer } from '../../src/coap/datagram.ts';

/** What a link does to datagrams; probabilities between 0 and 1. */
export interface LinkFaults {
  readonly lose: number;
  readonly duplicate: number;
  /** Delays a datagram so that later ones overtake it. */
  readonly delay: number;
}

export const FAULTLESS: LinkFaults = { lose: 0, duplicate: 0, delay: 0 };

/** Random numbers in [0, 1) that `seed` determines. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What becomes of one datagram: the times, in ms from now, at which copies of it arrive. */
export function arrivals(faults: LinkFaults, random: () => number): readonly number[] {
  const copies = random() < faults.duplicate ? 2 : 1;
  const times: number[] = [];
  for (let copy = 0; copy < copies; copy++) {
    const lost = random() < faults.lose;
    const late = random() < faults.delay ? Math.ceil(random() * 50) : 0;
    if (!lost) times.push(1 + copy + late);
  }
  return times;
}

export const CLIENT: Peer = createPeer('127.0.0.1', 40_001);
export const SERVER: Peer = createPeer('127.0.0.1', 5683);
