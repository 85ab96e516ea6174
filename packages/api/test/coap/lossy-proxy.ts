import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { arrivals, type LinkFaults, seededRandom } from './link.ts';

export interface LossyProxy {
  readonly address: string;
  /** Datagrams that did not arrive, or more than once, or late. */
  readonly disturbed: () => number;
  readonly close: () => void;
}

/** Forwards datagrams between clients and the UDP server at `target`, not all of them in good order. */
export async function startLossyProxy(
  target: string,
  faults: LinkFaults,
  seed: number,
): Promise<LossyProxy> {
  const port = Number(target.slice(target.lastIndexOf(':') + 1));
  const random = seededRandom(seed);
  const upstreams = new Map<number, Socket>();
  let disturbed = 0;
  let open = true;
  const forward = (send: () => void): void => {
    const times = arrivals(faults, random);
    if (times.length !== 1 || times[0] !== 1) disturbed++;
    for (const ms of times) setTimeout(() => open && send(), ms);
  };
  const front = createSocket('udp4');
  const upstreamOf = (client: RemoteInfo): Socket => {
    const known = upstreams.get(client.port);
    if (known !== undefined) return known;
    const upstream = createSocket('udp4').on('message', (datagram) => {
      forward(() => front.send(datagram, client.port, client.address));
    });
    upstreams.set(client.port, upstream);
    return upstream;
  };
  front.on('message', (datagram, client) => {
    forward(() => upstreamOf(client).send(datagram, port, '127.0.0.1'));
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    address: `127.0.0.1:${front.address().port}`,
    disturbed: () => disturbed,
    close: () => {
      open = false;
      for (const socket of [front, ...upstreams.values()]) socket.close();
    },
  };
}
