import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A metadata server whose answers a test can hold back. */
export interface MetadataServer {
  /** URL of a directory with all items. */
  readonly url: string;
  /** From now on requests are answered only by {@link MetadataServer.release}. */
  hold(): void;
  /** Resolves when a request is held back. */
  held(): Promise<void>;
  release(): void;
}

export async function startMetadataServer(
  items: Readonly<Record<string, Uint8Array>>,
): Promise<MetadataServer> {
  let holding = false;
  const waiting: (() => void)[] = [];
  const answer = (path: string, response: ServerResponse): void => {
    const item = items[path.slice(1)];
    if (item !== undefined) response.end(item);
    else {
      const links = Object.keys(items).map((name) => `<a href="${name}">${name}</a>`);
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(`<pre>\n${links.join('\n')}\n</pre>\n`);
    }
  };
  const server = createServer((request, response) => {
    const respond = (): void => answer(request.url ?? '', response);
    if (!holding) respond();
    else {
      waiting.push(respond);
      server.emit('held');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    hold: () => {
      holding = true;
    },
    held: async () => {
      if (waiting.length === 0) await once(server, 'held');
    },
    release: () => {
      holding = false;
      for (const respond of waiting.splice(0)) respond();
    },
  };
}
